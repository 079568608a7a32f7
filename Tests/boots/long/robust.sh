#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# A machine's root disk under load while its network is gone for a minute, while Apus is restarted and killed, and
# while the machine reboots and is switched off: it goes on, and its file system is clean.
#
# usage: robust.sh APUS-PROGRAM
set -u
source "$(dirname "$(realpath "$0")")/../tools/laboratory.sh"
address=10.77.0.60

check "the services are set" "$apus" services set --interface lan0 --address 10.77.0.1 \
    --dhcp 10.77.0.50-10.77.0.99/24 --advertise-no-router "${files[@]}"
check "a machine is added" "$apus" client add drill --mac 52:54:00:64:72:01 --image drill --method kernel \
    --address "$address" "${files[@]}"
check "the daemon serves" serve
machine
check "the machine boots" soon 400 is_up
check "its initramfs ran the script that was laid over the template's" on_console "iscsi-boot: this is a script of the user"
check "its system comes up whole" soon 120 guest_says '^running$' "systemctl is-system-running; systemctl --failed"
check "the initiator runs in the root" guest_says '^active$' "systemctl is-active iscsid"
check "I/O waits a day for a target that is gone" guest_says '^86400$' \
    "cat /sys/class/iscsi_session/session*/recovery_tmo"

# under_load NAME SECONDS COMMAND…: something happens five seconds after the load has begun.
under_load() {
    local name=$1
    check "$name: load begins" fio_begins "$2"
    sleep 5
    shift 2
    check "$name: done" "$@"
    check "$name: the machine writes again" soon 90 writes_again
    check "$name: the load ends" soon 240 fio_ended
    check "$name: no error and no wrong block in it" fio_was_right
}
lose_network() {
    ip link set tap0 down
    sleep 60
    ip link set tap0 up
}
restart() {
    kill -TERM "$daemon" && wait "$daemon" && serve
}
kill_hard() {
    kill -9 "$daemon"
    wait "$daemon" 2>/dev/null
    serve
}
under_load "the network is gone for a minute" 120 lose_network
under_load "Apus is restarted" 40 restart
under_load "Apus is killed" 40 kill_hard
check "the kernel has no error of disk or file system to tell" guest \
    "! dmesg | grep -E 'I/O error|EXT4-fs (error|warning)|Remounting|Buffer I/O|offlined'"
check "the root takes writes" guest_says '^rw' "findmnt -n -o OPTIONS / && touch /root/here"

check "load begins for the reboot" fio_begins 600
boot=$(guest cat /proc/sys/kernel/random/boot_id)
guest systemctl reboot
is_another_boot() { local now; now=$(guest cat /proc/sys/kernel/random/boot_id) && [ "$now" != "$boot" ]; }
check "it reboots under load" soon 400 is_another_boot
check "with its system whole" soon 120 guest_says '^running$' "systemctl is-system-running; systemctl --failed"
check "and a file system that needed no recovery" guest "! dmesg | grep -iE 'EXT4-fs.*(recover|orphan)'"
check "load begins for the end" fio_begins 600
sleep 3
guest systemctl poweroff
check "it switches itself off under load" soon 90 has_ended
check "the daemon ends when told to" bash -c "kill -TERM $daemon && tail --pid=$daemon -f /dev/null"
check "the file system is clean" file_system_is_clean
[ "$failures" -eq 0 ] || { tail -n 30 "$console" "$work/serve.log" | cut -c1-200 | sed 's/^/        /'; }
finish
