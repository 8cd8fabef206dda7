#!/bin/sh
# drain.sh FILE: a shell that dies of TERM at once, above a worker that needs 0.2 s after TERM to finish and then writes FILE.
sh -c 'trap "sleep 0.2; echo drained >\"$1\"; exit 0" TERM; echo ready; while :; do sleep 0.01; done' worker "$1" &
wait
