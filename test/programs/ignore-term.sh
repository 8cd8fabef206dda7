#!/bin/sh
# ignore-term.sh: says ready, ignores TERM, INT and HUP, and so do its children; only a kill ends it.
trap '' TERM INT HUP
echo ready
while :; do sleep 3600; done
