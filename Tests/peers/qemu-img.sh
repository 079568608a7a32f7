#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# QEMU's initiator: a random image of 1 GiB to a LUN and back.
set -u
source "$(dirname "$0")/tools/library.sh"
needs qemu-img cmp

truncate -s 1G "$work/random.img"
# Random data with holes between: QEMU unmaps what it finds empty.
for megabyte in 0 64 65 300 511 512 1000; do
    dd if=/dev/urandom of="$work/random.img" bs=1M count=24 seek="$megabyte" conv=notrunc status=none
done
head -c 512 /dev/urandom | dd of="$work/random.img" bs=512 seek=2097151 conv=notrunc status=none

for store in file ram; do
    for block_size in 512 4096; do
        case $store in
        file) export_target "$work/$store-$block_size.img" --size 1G --block-size "$block_size" ;;
        ram) export_target --ram 1G --block-size "$block_size" ;;
        esac
        name="$store, blocks of $block_size"
        check "$name: qemu-img convert to the LUN" qemu-img convert -n -f raw -O raw "$work/random.img" "$url"
        check "$name: qemu-img compare" qemu-img compare -f raw -F raw "$work/random.img" "$url"
        check "$name: qemu-img convert from the LUN" qemu-img convert -f raw -O raw "$url" "$work/back.img"
        check "$name: both are the same" cmp "$work/random.img" "$work/back.img"
        check "$name: ^C ends it" end_export
        [ $store = ram ] ||
            check "$name: the file is the image" cmp "$work/random.img" "$work/$store-$block_size.img"
        rm -f "$work/back.img" "$work/$store-$block_size.img"
    done
done
APUS_CHAP=user:initiator-secret export_target --ram 32M
check "CHAP: qemu-img with user and password" qemu-img info "iscsi://user%initiator-secret@${url#iscsi://}"
check "CHAP: qemu-img without" bash -c "! qemu-img info '$url'"
check "CHAP: ^C ends it" end_export
finish
