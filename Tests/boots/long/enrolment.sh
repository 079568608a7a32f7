#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# A machine that nobody configured makes itself known: by iPXE's menu on its serial console an image and a name are chosen,
# and it boots to its login prompt, with CHAP credentials made for that boot, which its group asks for. Then it says itself
# that it is up. What was seen is in its timeline, over a restart of the daemon too.
#
# usage: enrolment.sh APUS-PROGRAM
set -u
if [ "${APUS_BOOTS_INSIDE:-}" != yes ]; then
    export APUS_BOOTS_INSIDE=yes
    exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
source "$(dirname "$0")/../../peers/tools/library.sh"
source "$(dirname "$0")/../tools/machine.sh"
needs qemu-system-x86_64 mmdebstrap ip socat

mac=52:54:00:65:6e:72
apus() { "$apus" "$@" "${files[@]}"; }

# A bridge with this host's address, and the machine's port in it.
mount -t tmpfs tmpfs /run
ip link set lo up
ip link add br0 address 52:54:00:00:00:01 type bridge
ip addr add 10.77.0.1/24 dev br0
ip tuntap add tap0 mode tap
ip link set tap0 master br0 up
ip link set br0 up

demo_image
check "a group has CHAP per boot" apus group add new --chap per-boot --kernel-arguments "console=ttyS0,115200"
check "unknown machines may make themselves known" apus services set --interface br0 --address 10.77.0.1 \
    --dhcp 10.77.0.50-10.77.0.99/24 --advertise-no-router --enrol --enrol-group new

serve() {
    apus serve >>"$work/serve.log" 2>&1 &
    daemon=$!
    for _ in $(seq 100); do
        apus status >/dev/null 2>&1 && return
        sleep 0.1
    done
    cat "$work/serve.log"
    return 1
}
check "the daemon serves" serve

# The machine's console is a socket: what it says goes to a file, what is typed comes from a pipe.
console=$work/console.txt
mkfifo "$work/keys"
qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot -accel tcg -m 1024 -machine pc,graphics=off \
    -netdev tap,id=lan,ifname=tap0,script=no,downscript=no -device "virtio-net-pci,netdev=lan,bootindex=1,mac=$mac" \
    -uuid 6a1f7c2e-0d38-4d0b-9b4e-8f0f6c0a1b2c -serial stdio <"$work/keys" >"$console" 2>&1 &
machine_process=$!
exec 7>"$work/keys"

# shows TEXT SECONDS: does the console show it in time? A machine that has ended shows nothing more.
shows() {
    local deadline=$((SECONDS + $2))
    until tr -d '\000' <"$console" | sed 's/\x1b\[[0-9;]*[A-Za-z]//g' | grep -qF -- "$1"; do
        [ "$SECONDS" -lt "$deadline" ] && kill -0 "$machine_process" || {
            tail -c 2000 "$console"
            return 1
        }
        sleep 0.5
    done
}
type_keys() { printf '%b' "$1" >&7; }
told() { apus timeline "$@" | tee "$work/timeline" | grep -qE -- "$words"; }
tells() {
    words=$1
    shift
    told "$@" || {
        cat "$work/timeline"
        return 1
    }
}

check "its console shows the menu" shows "machine $mac is not known yet" 90
type_keys 1
check "it is asked for a name, and one is suggested" shows "pc-525400656e72" 20
type_keys '\b\b\b\b\b\b\b\b\b\b\b\b\b\b\bnewcomer\r'
check "it is told its name" shows 'this machine is "newcomer" now' 120
check "it has an entry of its own, in the group" bash -c "
    '$apus' client show newcomer ${files[*]} | grep -E 'group +new' && '$apus' client show newcomer ${files[*]} | grep '$mac'"
check "it boots to the login prompt" shows "login:" 300
check "its login was proved by credentials of this boot" tells "login by iPXE as .*, which CHAP proved" newcomer
check "and its kernel's, by the iBFT" tells "login by the Linux kernel as .*, which CHAP proved" newcomer
is_up() {
    for _ in $(seq 60); do
        words="the system is up: kernel .* s, initrd .* s, userspace .* s" && told newcomer && return
        sleep 1
    done
    cat "$work/timeline"
    return 1
}
check "its system says itself that it is up" is_up
check "its root was seen to be mounted" tells "root mounted +first write by the Linux kernel" newcomer
sed 's/^/        /' "$work/timeline"

# Its credentials and its story outlive the daemon.
kill "$daemon"
wait "$daemon"
check "the daemon serves again" serve
again() {
    for _ in $(seq 60); do
        apus status | grep -q "newcomer.initiator at" && return
        sleep 1
    done
    apus status
    tail -n 20 "$work/serve.log"
    return 1
}
check "the machine's kernel is back, with the same credentials" again
kill "$machine_process"
exec 7>&-
wait "$machine_process" 2>/dev/null
kill "$daemon"
wait "$daemon"
finish
