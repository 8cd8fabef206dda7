#!/bin/sh
# exit-after.sh [SECONDS] [CODE]: ends after SECONDS (0) with CODE (0).
[ "${1:-0}" = 0 ] || sleep "$1"
exit "${2:-0}"
