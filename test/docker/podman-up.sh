#!/bin/bash
# Starts a podman service of its own in FOLDER, with the image busybox:local, and waits until it answers. Says what DOCKER_HOST is to be.
# The service is the process in FOLDER/pid; it logs to FOLDER/log. Usage: podman-up.sh FOLDER
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?usage: podman-up.sh FOLDER}
command -v podman >/dev/null || { echo "podman is not installed (Debian: apt-get install podman catatonit netavark aardvark-dns)" >&2; exit 1; }
mkdir -p "$folder"
# Its own defaults may be above what this machine allows. Soft and hard limit are the same, for 4.3 takes one for the other; and it lowers its own number
# of processes to that of pids.
files=$(ulimit -Hn)
processes=$(printf '%s\n' "$(ulimit -Hu)" "$(cat /proc/sys/kernel/pid_max)" | sort -n | head -n 1)
cat >"$folder/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]
[engine]
# Seconds that the monitor of each exec outlives it.
exit_command_delay = 1
# The other one, crun, does not run where control groups of both versions are mounted.
runtime = "$(command -v runc >/dev/null && echo runc || echo crun)"
[network]
network_config_dir = "$folder/networks"
CONF
# Without TLS, as docker speaks to registries of its own machine.
cat >"$folder/registries.conf" <<CONF
[[registry]]
prefix = "127.0.0.1"
location = "127.0.0.1"
insecure = true
CONF
export CONTAINERS_REGISTRIES_CONF=$folder/registries.conf
export CONTAINERS_CONF=$folder/containers.conf
podman=(podman --root "$folder/root" --runroot "$folder/run" --storage-driver vfs)

DOCKER="${podman[*]}" "$here/image-busybox.sh"
setsid "${podman[@]}" system service -t 0 "unix://$folder/sock" >"$folder/log" 2>&1 </dev/null &
echo $! >"$folder/pid"
for _ in $(seq 150); do
  [ -S "$folder/sock" ] && break
  sleep 0.1
done
[ -S "$folder/sock" ] || { tail -n 20 "$folder/log" >&2; exit 1; }
echo "DOCKER_HOST=unix://$folder/sock"
