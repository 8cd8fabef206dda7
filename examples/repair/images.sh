#!/bin/bash
# The base images of the examples, under their public names: pulled where there is a registry, else made of this machine's own packages
# (debootstrap, node, busybox), so that the examples work without one. An image that is there already stays as it is.
#   images.sh [debian] [python] [node] [cli]     the first three when none is named; cli: docker's command line, for deploy/docker
set -euo pipefail

DEBIAN=debian:bookworm-slim
PYTHON=python:3.11-slim
NODE=node:20-slim
CLI=docker:28-cli

have() { docker image inspect "$1" >/dev/null 2>&1; }
pull() { [ "${ORCO_IMAGES:-}" != local ] && timeout 20 docker pull -q "$1" >/dev/null 2>&1; }

debian() {
  have "$DEBIAN" || pull "$DEBIAN" && return
  command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap; } >/dev/null
  local root
  root=$(mktemp -d)
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root" >/dev/null
  # What makes the public image slim, and the certificates of this machine: it may reach the package indexes through a proxy of its own.
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  tar -C "$root" --one-file-system -c . | docker import -c 'CMD ["bash"]' \
    -c 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' - "$DEBIAN" >/dev/null
  rm -rf "$root"
}

python() {
  have "$PYTHON" || pull "$PYTHON" && return
  debian
  # As in the public image, pip installs where python looks, and asks nobody.
  docker build -q -t "$PYTHON" - >/dev/null <<EOF
FROM $DEBIAN
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/* \\
 && python3 -m venv /usr/local/python && /usr/local/python/bin/pip config --global set global.disable-pip-version-check true
ENV PATH=/usr/local/python/bin:\$PATH
CMD ["python3"]
EOF
}

node() {
  have "$NODE" || pull "$NODE" && return
  debian
  local root
  root=$(mktemp -d)
  mkdir -p "$root/usr/local/bin" "$root/usr/local/lib/node_modules"
  cp "$(readlink -f "$(type -P node)")" "$root/usr/local/bin/node"
  cp -r "$(npm root -g)/npm" "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
  printf 'FROM %s\nCOPY usr /usr\nCMD ["node"]\n' "$DEBIAN" >"$root/Dockerfile"
  docker build -q -t "$NODE" "$root" >/dev/null
  rm -rf "$root"
}

cli() {
  have "$CLI" || pull "$CLI" && return
  local root plugin
  for plugin in ~/.docker/cli-plugins /usr/local/lib/docker/cli-plugins /usr/local/libexec/docker/cli-plugins /usr/lib/docker/cli-plugins /usr/libexec/docker/cli-plugins; do
    [ -x "$plugin/docker-compose" ] && break
  done
  root=$(mktemp -d)
  mkdir -p "$root/usr/local/bin" "$root/usr/local/libexec/docker/cli-plugins"
  cp "$(readlink -f "$(type -P docker)")" "$root/usr/local/bin/docker"
  cp "$plugin/docker-compose" "$root/usr/local/libexec/docker/cli-plugins/docker-compose"
  tar -C "$root" -c . | docker import -c 'CMD ["docker"]' - "$CLI" >/dev/null
  rm -rf "$root"
}

for image in "${@:-debian python node}"; do
  for one in $image; do "$one"; done
done
