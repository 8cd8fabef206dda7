#!/bin/sh
# hold-stdout.sh [CODE]: leaves a grandchild that holds stdout and stderr open, and ends with CODE (0).
sleep 3600 &
exit "${1:-0}"
