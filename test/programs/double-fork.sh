#!/bin/sh
# double-fork.sh [MODE]: starts a grandchild in a session of its own that init adopts, prints its pid, and stays (or with MODE
# "leave" ends at once). MODE "deaf": the grandchild ignores TERM.
[ "$1" = deaf ] && trap '' TERM
(setsid sleep 3600 & echo $!)
[ "$1" = deaf ] && trap - TERM
[ "$1" = leave ] || exec sleep 3600
