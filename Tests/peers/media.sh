#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Disks that have to be waited for: by io_uring, by threads, past the page cache; a kernel that forbids io_uring; and
# polling that ends when nobody sends. The images lie on a disk, not in memory.
set -u
source "$(dirname "$0")/tools/library.sh"
needs qemu-img cmp python3

tools=$(realpath "$(dirname "$0")/tools")
disk=$(mktemp -d /var/tmp/apus-media.XXXXXX)
trap 'cleanup; rm -rf "$disk"' EXIT
head -c 64M /dev/urandom >"$disk/random.img"

# Forgets what the page cache has of a file.
cool() {
    python3 -c 'import os, sys
file = os.open(sys.argv[1], os.O_RDONLY)
os.fsync(file)
os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)' "$1"
}

holds_a_ring() { find "/proc/$export_pid/fd" -lname '*io_uring*' | grep -q .; }
holds_no_ring() { ! holds_a_ring; }
says() { grep -qF "$1" "$export_log"; }

# Ticks of processor time that the export has used.
used() { awk '{ print $14 + $15 }' "/proc/$export_pid/stat"; }

# serves NAME: what the last export serves is written and read back by QEMU, cold.
serves() {
    local name=$1 image=$2
    check "$name: qemu-img convert to the LUN" qemu-img convert -n -f raw -O raw "$disk/random.img" "$url"
    cool "$image"
    check "$name: qemu-img compare, cold" qemu-img compare -f raw -F raw "$disk/random.img" "$url"
    # QEMU 7.2 trips over an assertion of its own (iscsi_co_block_status) where its reads meet blocks of 4096.
    [[ $name == *4096 ]] ||
        check "$name: qemu-img bench, cold" qemu-img bench -f raw -t none -c 2000 -d 32 -s 65536 "$url"
    check "$name: qemu-img bench writes" qemu-img bench -f raw -t none -w -c 2000 -d 32 -s 4096 "$url"
}

# over ENGINE ARGUMENTS…: the whole of it with an engine.
over() {
    local engine=$1 block_size
    shift
    for block_size in 512 4096; do
        local name="$engine${*:+ $*}, blocks of $block_size" image="$disk/$engine$block_size.img"
        export_target "$image" --size 64M --block-size "$block_size" --io-engine "$engine" "$@"
        serves "$name" "$image"
        if [ "$engine" = io_uring ]; then
            check "$name: a ring was used" holds_a_ring
        else
            check "$name: no ring was used" holds_no_ring
        fi
        check "$name: ^C ends it" end_export
        rm -f "$image"
    done
}

over io_uring
over threads
over io_uring --direct
over threads --direct

program=$apus
printf '#!/bin/sh\nexec "%s/without-io-uring" "%s" "$@"\n' "$tools" "$program" >"$work/refused"
chmod +x "$work/refused"
apus=$work/refused
export_target "$disk/refused.img" --size 64M
check "io_uring refused: it says so" says "threads, as io_uring cannot be used: Operation not permitted"
serves "io_uring refused" "$disk/refused.img"
check "io_uring refused: ^C ends it" end_export
refused() {
    ! timeout 10 "$apus" export "$disk/refused.img" --io-engine io_uring --portal 127.0.0.1:0 >"$work/said" 2>&1 &&
        [ "$(wc -l <"$work/said")" -eq 1 ] && grep -q 'choose threads' "$work/said"
}
check "io_uring refused, and asked for: one line tells the cause and the remedy" refused
apus=$program

export_target "$disk/polled.img" --size 64M --poll-us 200
serves "polling" "$disk/polled.img"
sleep 1
before=$(used)
sleep 2
check "polling: who is idle uses no processor" [ $(($(used) - before)) -le 1 ]
check "polling: ^C ends it" end_export
finish
