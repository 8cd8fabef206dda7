#!/bin/bash
# Copies the six broken services to a folder of its own, starts them, lets orco repair each, and says what came of it. Nothing of it stays.
#   repair-all.sh [service …]     module header library lock package compiler; all of them when none is named
#   repair-all.sh --hopeless      one that cannot be repaired: everything ends as it was before
#   KEEP=1 leaves all of it running; VERBOSE=1 shows what builds say
set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd)
orco=${ORCO_BIN:-$here/../../bin/orco}
services=("$@")
[ $# -gt 0 ] || services=(module header library lock package compiler)
# Docker takes no capitals in names.
work=$(mktemp -d "${TMPDIR:-/tmp}/orco-repair-XXXXXX")
name=$(tr '[:upper:]' '[:lower:]' <<<"orco-repair-${work##*-}")
project=$work/shop
export ORCO_HOME=$work/home ORCO_REPAIR_WORKSPACE=$project ORCO_REPAIR_COOLDOWN_MS=0 ORCHD_BIND_ADDR=${ORCHD_BIND_ADDR:-127.0.0.1:0}
unset COMPOSE_PROJECT_NAME COMPOSE_FILE

compose() { (cd "$project" && if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi); }
commit() { git -C "$project" add -A && git -C "$project" -c user.name=example -c user.email=example@localhost commit -q -m "$1"; }
say() { if [ -n "${VERBOSE:-}" ]; then cat; else grep --line-buffered -vE '^ +[a-z]+ \| '; fi; }
why_not() { echo "$1" >&2; exit 1; }

clean_up() {
  if [ -n "${KEEP:-}" ]; then
    echo "left running in $project, with its daemon (ORCO_HOME=$ORCO_HOME); away with: docker compose -p $name down --rmi local"
    return
  fi
  local run
  for run in $("$orco" repairs 2>/dev/null | awk 'NR > 1 { print $1 }'); do
    docker images -q --filter "reference=orco-*/*:$run" | sort -u | xargs -r docker rmi -f
  done >/dev/null 2>&1
  "$orco" shutdown >/dev/null 2>&1
  [ -e "$project/compose.yaml" ] && compose down --timeout 1 --volumes --rmi local >/dev/null 2>&1
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

begin() {
  docker version >/dev/null 2>&1 || why_not "there is no docker here: the examples need one"
  "$here/images.sh" "$@" >/dev/null || why_not "the base images could not be made: $here/images.sh says why"
  cp -r "$here/broken" "$project"
  echo "COMPOSE_PROJECT_NAME=$name" >"$project/.env"
  echo .env >"$project/.gitignore"
  git -C "$project" init -q
}

repair() {
  echo
  echo "── $1"
  "$orco" repair "$name/$1" "$1 does not start: find out why and mend it" --watch 2>&1 | say
}

# Whatever it comes to: some do not even build.
start() { compose up -d --no-deps "$1" >/dev/null 2>&1; }

repair_all() {
  begin
  commit "six broken services"
  local failed=0 service
  for service in "${services[@]}"; do
    start "$service"
    repair "$service" || failed=$((failed + 1))
  done
  echo
  git -C "$project" --no-pager diff --stat
  echo
  compose ps
  echo
  "$orco" repairs --limit 100
  echo "${#services[@]} services, $failed not repaired"
  [ "$failed" -eq 0 ]
}

# What is to be as it was: the files, the image, and that it serves.
standing() {
  git -C "$project" status --porcelain
  docker inspect --format '{{.Image}} {{.State.Health.Status}}' "$(compose ps -aq orders)"
}

# An older version serves. The next one does not build, which can be mended, and then wants what no patch can give it.
repair_hopeless() {
  begin python
  cp -r "$here/hopeless/." "$project"
  cp -r "$project/was/." "$project/orders"
  start orders
  until [ "$(docker inspect --format '{{.State.Health.Status}}' "$(compose ps -aq orders)")" = healthy ]; do sleep 0.2; done
  cp -r "$here/hopeless/orders/." "$project/orders"
  commit "a next version"
  local before
  before=$(standing)
  repair orders && why_not "it was repaired, which nobody can"
  echo
  "$orco" repairs | tee "$work/repairs"
  grep -q ' rolled_back ' "$work/repairs" || why_not "it was not rolled back"
  if [ "$before" = "$(standing)" ]; then echo "not repaired; files and container are as they were: $before"; else why_not "something is not as it was"; fi
}

if [ "${services[0]}" = --hopeless ]; then repair_hopeless; else repair_all; fi
