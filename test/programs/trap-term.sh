#!/bin/sh
# trap-term.sh [CODE]: says ready; on TERM says bye and ends with CODE (0).
trap 'echo bye; kill $!; exit '"${1:-0}" TERM
echo ready
sleep 3600 &
wait
