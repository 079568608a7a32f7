#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Our own initiator against tgt and against an export: discovery, verified I/O, images deployed.
set -u
source "$(dirname "$0")/tools/library.sh"
needs tgtd tgtadm cmp truncate

# prints TEXT COMMAND…: does the command print the text?
prints() {
    local text=$1 output
    shift
    output=$("$@" 2>&1)
    printf '%s\n' "$output"
    printf '%s\n' "$output" | grep -qF -- "$text"
}

# fails_with TEXT COMMAND…: does it fail, and say so?
fails_with() {
    local text=$1 output
    shift
    ! output=$("$@" 2>&1) && printf '%s\n' "$output" && printf '%s\n' "$output" | grep -qF -- "$text"
}

# start_tgt: serves $work/tgt.img as LUN 1 to whom knows the secret; sets $tgt_portal.
start_tgt() {
    local control=$((7000 + RANDOM % 20000)) port=$((20000 + RANDOM % 10000))
    tgtd -f --control-port "$control" --iscsi portal=127.0.0.1:$port >"$work/tgt.log" 2>&1 &
    tgt_pid=$!
    local admin=(tgtadm --control-port "$control" --lld iscsi --tid 1)
    for _ in $(seq 100); do
        "${admin[@]}" --op new --mode target -T iqn.2026-11.org.example:tgt 2>/dev/null && break
        sleep 0.1
    done
    "${admin[@]}" --op new --mode logicalunit --lun 1 -b "$work/tgt.img"
    "${admin[@]}" --op bind --mode target -I ALL
    tgtadm --control-port "$control" --lld iscsi --op new --mode account --user user --password a-long-secret
    "${admin[@]}" --op bind --mode account --user user
    tgt_portal=127.0.0.1:$port
}

# tgtd ignores everything but KILL while it has targets.
end_tgt() {
    kill -KILL "$tgt_pid" 2>/dev/null
    wait "$tgt_pid" 2>/dev/null
}
trap 'end_tgt; cleanup' EXIT

# An image with data at its begin, in its middle and at its end, and holes between.
truncate -s 40M "$work/image.img"
head -c 3000000 /dev/urandom | dd of="$work/image.img" conv=notrunc status=none
head -c 70000 /dev/urandom | dd of="$work/image.img" bs=1M seek=21 conv=notrunc status=none
head -c 5000 /dev/urandom | dd of="$work/image.img" bs=1 seek=$((40 * 1048576 - 5000)) conv=notrunc status=none
qemu-img create -q -f qcow2 "$work/image.qcow2" 1M
for name in tgt disk; do head -c 48M /dev/urandom >"$work/$name.img"; done

# same FILE: is the image there, to its last byte?
same() { cmp -n $((40 * 1048576)) "$work/image.img" "$1"; }

start_tgt
export_target "$work/disk.img" --target iqn.2026-11.org.apus:peers
tgt_url=iscsi://user%a-long-secret@$tgt_portal/iqn.2026-11.org.example:tgt/1

check "discover finds our target" prints "iqn.2026-11.org.apus:peers  $portal,1" "$apus" initiator discover "iscsi://$portal"
check "discover lists LUNs" prints "iscsi://$portal/iqn.2026-11.org.apus:peers/0" \
    "$apus" initiator discover --luns "iscsi://$portal"
check "discover finds tgt's target" prints iqn.2026-11.org.example:tgt "$apus" initiator discover "iscsi://$tgt_portal"
check "inquiry of ours" prints APUS "$apus" initiator inquiry "$url"
check "CHAP with tgt" prints VIRTUAL-DISK "$apus" initiator inquiry "$tgt_url"
check "tgt refuses another secret" fails_with "user or secret is wrong" \
    "$apus" initiator inquiry "iscsi://user%another-secret@$tgt_portal/iqn.2026-11.org.example:tgt/1"
check "tgt asks for a secret" fails_with "is missing from the URL" \
    "$apus" initiator inquiry "iscsi://$tgt_portal/iqn.2026-11.org.example:tgt/1"
for place in "$url" "$tgt_url"; do
    for bytes in 4K 256K 1M; do
        check "verified I/O of $bytes with ${place##*@}" timeout 60 "$apus" initiator perf "$place" --block-size "$bytes" \
            --read 50 --depth 8 --sessions 2 --count 100 --seconds 30 --verify
    done
done
check "verified I/O with digests" timeout 60 "$apus" initiator perf "$url" --read 50 --count 500 --verify \
    --header-digest --data-digest

check "deploy to tgt" timeout 60 "$apus" image deploy "$work/image.img" "$tgt_url"
check "the image is there, holes too" same "$work/tgt.img"
check "deploy to an export" timeout 60 "$apus" image deploy "$work/image.img" "$url"
check "the image is there, holes too" same "$work/disk.img"
check "deploying it again writes nothing" prints "0B written, 0B zeroed" \
    timeout 60 "$apus" image deploy "$work/image.img" "$url" --resume
printf changed | dd of="$work/image.img" bs=1 seek=2000000 conv=notrunc status=none
check "a new version writes what differs" prints "1.0MiB written, 0B zeroed" \
    timeout 60 "$apus" image deploy "$work/image.img" "$url" --resume
check "the new version is there" same "$work/disk.img"
check "an image in another format is refused" fails_with "qemu-img convert" \
    "$apus" image deploy "$work/image.qcow2" "$url"
truncate -s 60M "$work/large.img"
check "an image that does not fit is refused" fails_with "only 50331648" "$apus" image deploy "$work/large.img" "$url"
check "^C ends the export with status 0" end_export
finish
