#!/bin/bash
# gen-gomod.sh 1.34.4: go.mod and go.sum of a module that embeds k8s.io/kubernetes in that version.
# Kubernetes' own pinned requirements, with its "./staging" replacements turned into versions of the module proxy.
set -euo pipefail
V=${1:-1.34.4}; S="v0.${V#1.}"
export GOFLAGS=-mod=mod GOTOOLCHAIN=local
dir=$(cd /tmp && go mod download -json "k8s.io/kubernetes@v$V" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
{
  echo "module example.invalid/kube"; echo
  grep -E '^(go|godebug) ' "$dir/go.mod"; echo
  echo "require k8s.io/kubernetes v$V"; echo
  sed -n '/^require (/,/^)/p' "$dir/go.mod" | sed -E "s# v0\.0\.0\$# $S#"
  echo; echo "replace ("
  sed -nE "s#^[[:space:]]*(k8s.io/[a-z0-9-]+) => ./staging/.*#\t\1 => \1 $S#p" "$dir/go.mod"
  echo ")"
} > go.mod
cp "$dir/go.sum" go.sum; chmod u+w go.sum
go mod download k8s.io/kubernetes $(sed -nE 's#^\t(k8s.io/[a-z0-9-]+) => .*#\1#p' go.mod | grep -v -e sample- -e code-generator)
