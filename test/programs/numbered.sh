#!/bin/sh
# numbered.sh LINES CHUNK PAUSE: prints "o 1" to "o LINES" in chunks with pauses between; every fifth chunk goes to stderr, as "e N".
# Each stream thus counts upwards, with the numbers of the other one left out. Ends with "done LINES" on stdout.
at=0
turn=0
while [ "$at" -lt "$1" ]; do
  from=$((at + 1))
  at=$((at + $2))
  [ "$at" -le "$1" ] || at=$1
  turn=$(((turn + 1) % 5))
  if [ "$turn" = 0 ]; then seq -f 'e %.0f' "$from" "$at" >&2; else seq -f 'o %.0f' "$from" "$at"; fi
  sleep "$3"
done
echo "done $1"
