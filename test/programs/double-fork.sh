#!/bin/sh
# double-fork.sh [MODE]: starts a grandchild in a session of its own that init adopts, prints its pid, and stays (or with MODE
# "leave" ends at once). MODE "deaf": the grandchild ignores TERM.
case "$1" in
deaf) stray=$(trap '' TERM; setsid sleep 3600 >/dev/null & echo $!) ;;
*) stray=$(setsid sleep 3600 >/dev/null & echo $!) ;;
esac
echo "$stray"
[ "$1" = leave ] || exec sleep 3600
