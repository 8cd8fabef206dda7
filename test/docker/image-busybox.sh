#!/bin/bash
# busybox:local, without a registry: the machine's own static busybox and links for its applets.
# DOCKER: the command that puts it there, with its options.
set -euo pipefail

read -ra docker <<<"${DOCKER:-docker}"
"${docker[@]}" image inspect busybox:local >/dev/null 2>&1 && exit
busybox=$(command -v busybox) || { echo "busybox is not installed (Debian: apt-get install busybox-static)" >&2; exit 1; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,etc,tmp,proc,sys,dev,root}
chmod 755 "$root"
chmod 1777 "$root/tmp"
cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list | grep -vx busybox); do ln -s busybox "$root/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
tar -C "$root" -c . | "${docker[@]}" import -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin' - busybox:local >/dev/null
