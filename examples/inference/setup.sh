#!/bin/sh
# Makes a Python with llama.cpp's server (xllamacpp, 100 MB, no dependencies) and lays the tiny model beside it, once:
#   examples/inference/setup.sh [folder]        folder: $ORCO_LLM_HOME, else ~/.cache/orco-llm
# The last line it prints is that folder; it holds bin/python and chain.gguf.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
home=${1:-${ORCO_LLM_HOME:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/orco-llm}}
package=xllamacpp==2026.10.11549

# The first Python that can make a venv: Debian's own lacks one without python3-venv.
python() {
  for each in ${ORCO_LLM_PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10 /usr/bin/python3; do
    command -v "$each" >/dev/null && "$each" -c 'import ensurepip, venv' 2>/dev/null && echo "$each" && return
  done
  echo "setup.sh: no Python that can make a virtual environment; on Debian: apt-get install python3-venv" >&2
  return 1
}

mkdir -p "$home"
if ! "$home/bin/python" -c 'import xllamacpp' 2>/dev/null; then
  found=$(python)
  echo "setup.sh: installing $package into $home" >&2
  "$found" -m venv --clear "$home"
  "$home/bin/python" -m pip install --quiet --disable-pip-version-check "$package"
fi
# Also where two of these run at once, what is there is whole.
gzip -dc "$here/chain.gguf.gz" >"$home/chain.gguf.$$"
mv -f "$home/chain.gguf.$$" "$home/chain.gguf"
echo "$home"
