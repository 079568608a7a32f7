#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# assemble-initramfs.sh ROOT RELEASE FILES STAGE OUTPUT
#
# Makes the initramfs for kernel RELEASE from the system in ROOT: the files that FILES/contents lists with the libraries
# they need, the modules that FILES/modules lists with what they depend on, and what the templates bring. STAGE is an empty folder
# to work in. Runs as the superuser (or one of a user namespace), since it changes root into ROOT to ask its own
# loader and modprobe.
set -eu

root=$1 release=$2 files=$3 stage=$4 output=$5

. "$files/overlay.sh"

fail() {
    echo "$*" >&2
    exit 1
}

# The entries of a list as "required path" or "optional path".
entries() { sed -n -e '/^ *#/d' -e '/^ *$/d' -e 's/^! */required /p;t' -e 's/^ */optional /p' "$1"; }

# Copies a path of the root to the same place, its folders too; follows links by copying the link and what it leads to.
take() {
    [ -e "$stage$1" ] || [ -L "$stage$1" ] && return 0
    mkdir -p "$stage${1%/*}"
    cp -a "$root$1" "$stage$1"
    [ ! -L "$root$1" ] || take_path "$(chroot "$root" readlink -f "$1")"
}

# The same for a path that may lead over links to folders, as /lib does.
take_path() {
    case "$1" in /dev/* | '') return 0 ;; esac
    folder=$(chroot "$root" readlink -f "${1%/*}/")
    take "$folder/${1##*/}"
}

for link in bin sbin lib lib32 lib64 libx32; do
    [ ! -L "$root/$link" ] || cp -a "$root/$link" "$stage/$link"
done
mkdir -p "$stage/dev" "$stage/proc" "$stage/sys" "$stage/run" "$stage/tmp" "$stage/root" "$stage/sysroot" \
    "$stage/etc/iscsi" "$stage/etc/systemd/system" "$stage/etc/systemd/network" "$stage/etc/modules-load.d" \
    "$stage/usr/bin" "$stage/usr/sbin" "$stage/usr/lib" "$stage/var/lib/iscsi"
[ ! -L "$stage/lib64" ] || mkdir -p "$stage/$(readlink "$stage/lib64")"
ln -s ../run "$stage/var/run"
ln -s ../run/lock "$stage/var/lock"
chmod 1777 "$stage/tmp"
chmod 700 "$stage/root"

# Files.
: > "$stage/.taken"
entries "$files/contents" > "$stage/.contents"
while read -r need pattern; do
    found=
    for path in "$root"$pattern; do
        { [ -e "$path" ] || [ -L "$path" ]; } && [ ! -d "$path" ] || continue
        found=yes
        echo "${path#"$root"}" >> "$stage/.taken"
    done
    [ -n "$found" ] || [ "$need" = optional ] || fail "the root has no $pattern, which the initramfs needs"
done < "$stage/.contents"
while read -r path; do take_path "$path"; done < "$stage/.taken"

# Libraries: what the root's own loader would load for every program taken.
find "$stage/usr" -type f \( -perm -100 -o -name '*.so*' \) -printf '/usr/%P\n' > "$stage/.programs"
chroot "$root" sh -c 'xargs ldd 2>/dev/null || true' < "$stage/.programs" |
    sed -n -e 's/.*=> \(\/[^ ]*\) .*/\1/p' -e 's/^[[:space:]]*\(\/[^ ]*\) (0x.*/\1/p' | sort -u > "$stage/.libraries"
[ -s "$stage/.libraries" ] || fail "no list of libraries came from the root's ldd"
while read -r path; do take_path "$path"; done < "$stage/.libraries"

# Which of the units taken others want.
for wanted in "$root"/usr/lib/systemd/system/*.wants/*; do
    [ -e "$stage/usr/lib/systemd/system/${wanted##*/}" ] || continue
    take "${wanted#"$root"}"
done

# Kernel modules.
modules=/usr/lib/modules/$release
entries "$files/modules" > "$stage/.modules"
while read -r need name; do
    if list=$(chroot "$root" modprobe --set-version "$release" --show-depends --ignore-install "$name" 2>/dev/null); then
        echo "$list" | sed -n 's/^insmod \([^ ]*\).*/\1/p' >> "$stage/.insmod"
    elif [ "$need" = required ]; then
        fail "kernel $release has no module $name, which the initramfs needs"
    fi
done < "$stage/.modules"
sort -u "$stage/.insmod" | while read -r path; do take_path "$path"; done
mkdir -p "$stage$modules"
for name in modules.builtin modules.builtin.modinfo modules.order; do cp "$root$modules/$name" "$stage$modules/"; done
depmod --basedir "$stage" "$release"

# Users: those that the services taken run as; the superuser without a password, since there is nothing to guard.
sed -n -e '/^root:/s/[^:]*$/\/bin\/bash/p' -e '/^systemd-network:/p' "$root/etc/passwd" > "$stage/etc/passwd"
cp "$root/etc/group" "$stage/etc/group"
echo 'root:*:::::::' > "$stage/etc/shadow"
chmod 640 "$stage/etc/shadow"
printf 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n' > "$stage/etc/nsswitch.conf"

# Our own files.
sed -e 's/^PRETTY_NAME="\(.*\)"/PRETTY_NAME="\1 (initramfs)"/' "$root/etc/os-release" > "$stage/etc/initrd-release"
ln -s initrd-release "$stage/etc/os-release"
: > "$stage/etc/machine-id"
cp "$root/etc/hostname" "$stage/etc/hostname"
ln -s /usr/lib/systemd/systemd "$stage/init"
units=$stage/etc/systemd/system
mkdir -p "$units"
lay_over "$files/overlay/initramfs" "$stage" "$root"
ln -s /usr/lib/systemd/system/initrd.target "$units/default.target"
wants() {
    mkdir -p "$units/$1.wants"
    ln -s "$2" "$units/$1.wants/${2##*/}"
}
wants initrd-root-device.target ../iscsi-boot.service
wants network-online.target /usr/lib/systemd/system/systemd-networkd-wait-online.service
wants sysinit.target /usr/lib/systemd/system/systemd-network-generator.service
wants network-online.target /usr/lib/systemd/system/systemd-networkd.service
wants sockets.target /usr/lib/systemd/system/systemd-networkd.socket
printf 'iscsi_tcp\nsd_mod\n' > "$stage/etc/modules-load.d/iscsi-boot.conf"

rm -f "$stage"/.contents "$stage"/.taken "$stage"/.programs "$stage"/.libraries "$stage"/.modules "$stage"/.insmod
chroot "$root" ldconfig -r / -X -N > /dev/null 2>&1 || true
cd "$stage"
find . -mindepth 1 -print0 | LC_ALL=C sort -z |
    cpio --quiet --null --create --format=newc --owner=0:0 --reproducible |
    zstd --quiet -T0 -12 --force -o "$output"
