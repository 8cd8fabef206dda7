#!/bin/sh
# log-ready.sh [SECONDS] [LINE]: prints LINE ("listening on 5432") after SECONDS (0) and stays.
[ "${1:-0}" = 0 ] || sleep "$1"
echo "${2:-listening on 5432}"
exec sleep 3600
