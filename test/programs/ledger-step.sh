#!/bin/sh
# ledger-step.sh LEDGER ROUNDS PAUSE [FAILS]: a step that writes down when it begins and how it ends: "begin|end|fail RUN STEP ATTEMPT PID".
# A checkpoint a round; it goes on after the one it is given. Its first FAILS executions fail halfway.
ledger=$1
tell() { echo "$1 $ORCO_RUN_ID $ORCO_STEP_ID $ORCO_ATTEMPT $$" >>"$ledger"; }
tell begin
at=0
[ -z "${ORCO_RESUME:-}" ] || at=$(($(cat "$ORCO_RESUME") + 1))
while [ "$at" -lt "$2" ]; do
  if [ "$ORCO_ATTEMPT" -le "${4:-0}" ] && [ "$at" -ge $(($2 / 2)) ]; then
    tell fail
    exit 3
  fi
  echo "{\"type\":\"checkpoint\",\"data\":$at}"
  at=$((at + 1))
  sleep "$3"
done
echo "{\"type\":\"output\",\"data\":{\"rounds\":$at}}"
tell end
