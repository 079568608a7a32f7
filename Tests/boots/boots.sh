#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Whole boots: a QEMU machine without any disk, by every firmware, method and network card. Some go on to their login
# prompt, where what they write must be on their disk afterwards, with a clean file system; the others stop where what
# is peculiar to them has been shown, at the boot loader or the kernel. The image is the demo's.
#
# usage: boots.sh APUS-PROGRAM [all]      all: every one of them to the login prompt
set -u
source "$(dirname "$0")/../peers/tools/library.sh"
source "$(dirname "$0")/tools/machine.sh"
needs qemu-system-x86_64 mmdebstrap e2fsck debugfs sfdisk
everything=${2:-}

demo_image
built_again() {
    local began=$SECONDS
    build_demo_image && [ $((SECONDS - began)) -lt 20 ]
}
check "the same recipe is not built again" built_again
check "a machine is added" "$apus" client add boots --mac 52:54:00:62:6f:6f --image demo "${files[@]}"
machine=boots
disk=$work/state/disks/boots.img

# root_partition: the root file system of the machine's disk, as a file of its own.
root_partition() {
    local start size
    read -r start size < <(sfdisk --json "$disk" | tr -d ' ",' | awk -F: '
        /^start:/ { start = $2 } /^size:/ { size = $2 } /^name:root/ { print start, size }')
    dd if="$disk" of="$work/root.img" bs=512 skip="$start" count="$size" conv=sparse status=none
}

# row OPTIONS…: adds what the timeline says of a boot to the table.
row() {
    local seconds bytes options=" $*"
    option() { [[ $options =~ \ --$1\ ([^ ]+) ]] && echo "${BASH_REMATCH[1]}" || echo "$2"; }
    seconds=$(sed -n 's/^ *+\([0-9]*\)\.[0-9]s .*login prompt.*/\1/p' "$work/stages" | tail -n 1)
    bytes=$(sed -n 's/^ *now .* \([0-9.]* [kMG]*B\) read.*/\1/p' "$work/stages" | tail -n 1)
    printf '| %s%s | %s | %s | %s | %s |\n' "$(option method sanboot)" \
        "$([[ $options != *--secure-boot* ]] || echo ", Secure Boot")$([[ $options != *tftp* ]] || echo ", TFTP")" \
        "$(option firmware uefi)" "$(option nic virtio-net)" "${seconds:-–}" "${bytes:-–}" >>"$work/table"
}

# to_login OPTIONS…: what every boot must have come to, whichever way it took.
to_login() {
    local name=$* began=$SECONDS
    local mark=${name//[^a-z0-9]/}
    check "$name: boots to the login prompt" boot \
        "findmnt -n -o FSTYPE /; lsblk -S -n -o TRAN,VENDOR; dmesg | grep -i 'secure boot'; echo $mark > /root/$mark; systemctl is-system-running --wait" "$@"
    echo "        $((SECONDS - began)) s until it was switched off again"
    row "$@"
    sed 's/^/        /' "$work/stages" | tail -n 40
    check "$name: the root is ext4 on a disk" said ext4
    check "$name: that disk came over iSCSI from Apus" grep -qE '^iscsi +APUS' "$work/said"
    check "$name: the system runs, no unit failed" said running
    case $name in
    *--secure-boot*) check "$name: the kernel knows that Secure Boot is on" said "Secure boot enabled" ;;
    esac
    root_partition
    check "$name: the file system is clean" e2fsck -fn "$work/root.img"
    check "$name: what was written is on the disk" bash -c "
        [ \"\$(debugfs -R 'cat /root/$mark' '$work/root.img' 2>/dev/null)\" = $mark ]"
    rm -f "$work/root.img"
}

# way DEPTH OPTIONS…: one way to boot, as far as DEPTH unless everything is asked for.
way() {
    local depth=$1
    shift
    if [ "$depth" = login ] || [ "$everything" = all ]; then
        to_login "$@"
    else
        check "$*: comes to its $depth" starts "$depth" "$@"
    fi
}

# A disk whose loader is not signed is told before a machine refuses it in words of its own.
unsigned() {
    mkdir -p "$work/unsigned/images/demo"
    ln -sf "$images"/images/demo/* "$work/unsigned/images/demo/"
    rm "$work/unsigned/images/demo/manifest.json"
    sed 's/"isSigned" : true/"isSigned" : false/' "$images/images/demo/manifest.json" \
        >"$work/unsigned/images/demo/manifest.json"
    ! "$apus" boot boots --firmware uefi --method firmware --secure-boot --config "$work/saveconfig.json" \
        --state "$work/unsigned" --socket "$work/control.sock" >"$work/said" 2>&1 && said "image demo is not signed"
}
check "Secure Boot with an image that is not signed is refused" unsigned

for nic in virtio-net e1000e; do
    # Without an iSCSI driver of its own a machine is given iPXE …
    way "$([ $nic = virtio-net ] && echo login || echo loader)" --firmware uefi --method sanboot --nic $nic
    way loader --firmware bios --method sanboot --nic $nic
    way kernel --firmware uefi --method kernel --nic $nic
    way kernel --firmware uefi --method kernel --transport tftp --nic $nic
    way "$([ $nic = virtio-net ] && echo login || echo kernel)" --firmware bios --method kernel --nic $nic
    way kernel --firmware bios --method kernel --transport tftp --nic $nic
    # … with one it logs in by itself (a BIOS by the iPXE in the card's ROM, told nothing but its root path) …
    way disk --firmware uefi --method firmware --nic $nic
    way loader --firmware bios --method firmware --nic $nic
    # … and UEFI's HTTP Boot gets kernel and initramfs as one program.
    way kernel --firmware uefi --method http --nic $nic
done
# The ROM of e1000e is not signed, and OVMF has no driver for that card.
way kernel --firmware uefi --method kernel --secure-boot
# From the disk it is shim that starts, and the signed GRUB beside it.
way login --firmware uefi --method firmware --secure-boot

# With CHAP: iPXE is told by its script or by DHCP, edk2's initiator by its variables, the kernel by the iBFT.
check "the machine is to prove itself" "$apus" client set boots --chap boots:0123456789abcd "${files[@]}"
for way in "uefi sanboot" "bios firmware" "uefi firmware"; do
    set -- $way
    check "--firmware $1 --method $2 with CHAP: attaches its root" starts disk --firmware "$1" --method "$2"
done
refused() {
    ! "$apus" boot boots --firmware uefi --method firmware --firmware-chap boots:wrong-secret-1 --timeout 400 "${files[@]}"
}
check "a wrong CHAP secret stops the boot" refused
cp "$work/check.log" "$work/said"
check "the timeline names CHAP" said "login refused to iqn.2026-11.org.apus:boots.initiator"
check "and what to do about the secret" said "do: give the firmware the name and secret of the machine's entry"
check "it need not prove itself any more" "$apus" client set boots --chap "" "${files[@]}"

# A boot that stops says where, why and what to do: here the image has lost its kernel.
mkdir -p "$work/broken/images/demo"
cp "$images/images/demo/manifest.json" "$work/broken/images/demo/"
ln -s "$images/images/demo/disk.img" "$images/images/demo/initrd.img" "$work/broken/images/demo/"
stops() {
    ! "$apus" boot boots --firmware bios --method kernel --timeout 30 --config "$work/saveconfig.json" \
        --state "$work/broken" --socket "$work/control.sock"
}
check "a kernel that is missing stops the boot" stops
cp "$work/check.log" "$work/said"
check "the timeline names the file" said "vmlinuz failed: cannot open $work/broken/images/demo/vmlinuz"
check "and what to do" said "do: see that the image has its kernel and initramfs: apus image info IMAGE"
echo
echo "| method | firmware | card | seconds to login | read from its disk |"
echo "|---|---|---|---|---|"
cat "$work/table"
finish
