#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Makes the Linux guest that stands for everybody's initiator: Debian's kernel, open-iscsi, sg3-utils, multipath-tools
# and fio, as one initramfs that runs whatever it finds on its first disk. Kept until its recipe changes.
#
# usage: guest.sh FOLDER      leaves FOLDER/vmlinuz and FOLDER/root.cpio
set -euo pipefail
folder=${1:?usage: $0 FOLDER}
here=$(dirname "$(realpath "$0")")
mkdir -p "$folder"

recipe=$(cat "$0" "$here/guest/init" | sha256sum | cut -d' ' -f1)
[ "$(cat "$folder/recipe" 2>/dev/null)" != "$recipe" ] || exit 0

packages=(
    linux-image-cloud-amd64 kmod udev util-linux procps iproute2
    open-iscsi sg3-utils lsscsi multipath-tools dmsetup e2fsprogs fio
)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
include=$(IFS=, && echo "${packages[*]}")
INITRD=No mmdebstrap --mode=root --variant=minbase --include="$include" bookworm "$work/root"
install -m 755 "$here/guest/init" "$work/root/init"
cp "$work"/root/boot/vmlinuz-* "$folder/vmlinuz"

# The guest unpacks all of it into its memory: what nobody reads there is left out.
(
    cd "$work/root"
    rm -rf boot/* var/{cache,lib/apt,lib/dpkg} usr/share/{doc,man,locale,perl,zoneinfo} usr/lib/python3* usr/lib/udev/hwdb*
    rm -rf usr/lib/modules/*/kernel/{sound,fs} usr/lib/modules/*/kernel/drivers/{gpu,infiniband,net/ethernet}
)
(cd "$work/root" && find . -xdev -print0 | cpio --null --create --format=newc --quiet) >"$folder/root.cpio"
echo "$recipe" >"$folder/recipe"
