#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Whole boots: a QEMU machine without any disk, by both firmwares and both methods, to its login prompt; what it writes
# is on its disk afterwards, and the file system is clean. The image is the demo's.
#
# usage: boots.sh APUS-PROGRAM
set -u
source "$(dirname "$0")/../peers/tools/library.sh"
needs qemu-system-x86_64 mmdebstrap e2fsck debugfs sfdisk

# Images are kept between runs; disks are this run's own.
images=$(realpath "$(dirname "$0")/../..")/.build/demo
mkdir -p "$images/images" "$work/state"
ln -s "$images/images" "$work/state/images"
files=(--config "$work/saveconfig.json" --state "$work/state" --socket "$work/control.sock")
disk=$work/state/disks/boots.img

check "an image of Debian is built" "$apus" image build demo --suite bookworm --root-password apus --state "$images"
check "the same recipe is not built again" bash -c "
    began=\$SECONDS
    '$apus' image build demo --suite bookworm --root-password apus --state '$images' && [ \$((SECONDS - began)) -lt 10 ]"
check "a machine is added" "$apus" client add boots --mac 52:54:00:62:6f:6f --image demo "${files[@]}"

# boot FIRMWARE METHOD COMMAND…: boots to the login prompt and runs the command there; sets what it printed.
boot() {
    local firmware=$1 method=$2
    shift 2
    "$apus" boot boots --firmware "$firmware" --method "$method" --timeout 400 --root-password apus \
        --exec "$*" "${files[@]}" >"$work/said" 2>"$work/stages"
}

# root_partition: the root file system of the machine's disk, as a file of its own.
root_partition() {
    local start size
    read -r start size < <(sfdisk --json "$disk" | tr -d ' ",' | awk -F: '
        /^start:/ { start = $2 } /^size:/ { size = $2 } /^name:root/ { print start, size }')
    dd if="$disk" of="$work/root.img" bs=512 skip="$start" count="$size" conv=sparse status=none
}

# said TEXT: did the machine print it?
said() {
    cat "$work/said"
    grep -qF -- "$1" "$work/said"
}

for firmware in uefi bios; do
    for method in sanboot kernel; do
        name="$firmware, $method"
        check "$name: boots to the login prompt" boot "$firmware" "$method" \
            "findmnt -n -o FSTYPE /; lsblk -S -n -o TRAN,VENDOR; echo $firmware-$method > /root/$firmware-$method;" \
            "systemctl is-system-running --wait"
        sed 's/^/        /' "$work/stages" | tail -n 40
        check "$name: the root is ext4 on a disk" said ext4
        check "$name: that disk came over iSCSI from Apus" grep -qE '^iscsi +APUS' "$work/said"
        check "$name: the system runs, no unit failed" said running
        root_partition
        check "$name: the file system is clean" e2fsck -fn "$work/root.img"
        check "$name: what was written is on the disk" bash -c "
            [ \"\$(debugfs -R 'cat /root/$firmware-$method' '$work/root.img' 2>/dev/null)\" = $firmware-$method ]"
        rm -f "$work/root.img"
    done
done
finish
