#!/bin/bash
# Starts a Docker engine where no service manager does, and waits until it answers. Does nothing when one answers already.
# DOCKERD_LOG: where it logs. live-restore lets containers go on while it is down.
set -euo pipefail

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

if ! answers; then
  command -v dockerd >/dev/null || { echo "dockerd is not installed (Debian: apt-get install docker.io iptables)" >&2; exit 1; }
  log=${DOCKERD_LOG:-${TMPDIR:-/tmp}/dockerd.log}
  mkdir -p /etc/docker
  [ -f /etc/docker/daemon.json ] || echo '{"live-restore": true}' >/etc/docker/daemon.json
  setsid dockerd >"$log" 2>&1 </dev/null &
  for _ in $(seq 150); do
    answers && break
    sleep 0.2
  done
  answers || { tail -n 20 "$log" >&2; exit 1; }
fi
docker version --format 'docker {{.Server.Version}}, API {{.Server.APIVersion}}'
