#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Linux' own initiator against the daemon: open-iscsi, sg3-utils, multipath and fio in a QEMU guest with two networks.
# The lines `ok …` and `FAILED …` are the guest's; where it says `@host WORD`, this side does what WORD names.
#
# usage: linux.sh APUS-PROGRAM [STEP…]      the steps are the files of inside/steps; all of them without any
set -u
here=$(dirname "$(realpath "$0")")
guest=$(realpath "$here/../..")/.build/linux-guest
if [ "${APUS_PEERS_INSIDE:-}" != yes ]; then
    # Out here is the network that the guest's packages come from.
    if [ "$(id -u)" -ne 0 ] || ! "$here/guest.sh" "$guest" >"$guest.log" 2>&1; then
        echo "FAILED  the guest is built: that needs the superuser, mmdebstrap and cpio"
        tail -n 20 "$guest.log" | sed 's/^/        /'
        exit 1
    fi
    export APUS_PEERS_INSIDE=yes
    exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
source "$here/../peers/tools/library.sh"
needs qemu-system-x86_64 ip tar strip
shift

mount -t tmpfs tmpfs /run
ip link set lo up
for path in 0 1; do
    ip tuntap add "tap$path" mode tap
    ip addr add "10.7$((7 + path)).0.1/24" dev "tap$path"
    ip link set "tap$path" up
done

# The shell's preferences are nobody's.
export HOME=$work
files=(--config "$work/saveconfig.json" --state "$work/state" --socket "$work/control.sock")
serve() {
    "$apus" serve "${files[@]}" --log-format text >>"$work/serve.log" 2>&1 &
    daemon=$!
    for _ in $(seq 100); do
        "$apus" status "${files[@]}" >/dev/null 2>&1 && return
        sleep 0.1
    done
    return 1
}
shell() { "$apus" shell "${files[@]}" "$@"; }

mkdir "$work/state"
check "the daemon serves" serve
sed "s#@work@#$work#" "$here/inside/targets" >"$work/targets"
check "targets are made by the shell" shell <"$work/targets"

# What the guest can ask of this side.
host() {
    case $1 in
        cut-path) ip link set tap1 down ;;
        join-path) ip link set tap1 up ;;
        kill-daemon) kill -9 "$daemon"; wait "$daemon" 2>/dev/null; serve ;;
        grow-ram) shell /backstores/ramdisk/ram resize 128M >/dev/null ;;
        restart-daemon) kill -TERM "$daemon" && wait "$daemon" && serve ;;
        *) echo "FAILED  the guest asks for $1, which nobody here knows" ;;
    esac
}

mkdir -p "$work/inside/lib"
cp -r "$here"/inside/* "$work/inside"
# The program itself, for the daemon that runs in the guest, and what it needs that the guest's Debian has not.
strip -o "$work/inside/apus" "$apus"
ldd "$apus" | awk '$3 ~ /^\// && $1 !~ /^(libc|libm|ld-linux.*|libgcc_s)\.so/ { print $3 }' | xargs cp -L -t "$work/inside/lib"
echo "${*:-}" >"$work/inside/chosen"
tar -C "$work/inside" -cf "$work/tests.tar" .
truncate --size=%1M "$work/tests.tar"

ended=
while IFS= read -r line; do
    line=${line%$'\r'}
    case $line in
        "@host "*) host "${line#@host }" ;;
        "@end 0") ended=yes ;;
        FAILED*) failures=$((failures + 1)) && echo "$line" ;;
        *) echo "$line" ;;
    esac
done < <(timeout 900 qemu-system-x86_64 -machine q35,accel=tcg -m 1536 -nographic -no-reboot \
    -kernel "$guest/vmlinuz" -initrd "$guest/root.cpio" -append "console=ttyS0 quiet loglevel=3 rdinit=/init" \
    -drive "file=$work/tests.tar,format=raw,if=virtio,readonly=on" \
    -netdev tap,id=n0,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=n0,romfile= \
    -netdev tap,id=n1,ifname=tap1,script=no,downscript=no -device virtio-net-pci,netdev=n1,romfile= </dev/null 2>&1)
check "the guest came to its end" [ "$ended" = yes ]
check "the daemon ends when told to" bash -c "kill -TERM $daemon && tail --pid=$daemon -f /dev/null"
if [ "$failures" -gt 0 ]; then tail -n 40 "$work/serve.log" | sed 's/^/        /'; fi
finish
