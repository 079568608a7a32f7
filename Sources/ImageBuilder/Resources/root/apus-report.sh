#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Tells the host that serves this machine's disk that the system is up, and how long its parts took to start. Nothing
# waits for it, and nothing but its own unit knows when it fails.

# A system that has not finished starting by then is not worth a report.
tries=150

address=''
for connection in /sys/class/iscsi_connection/connection*; do
    [ -r "$connection/persistent_address" ] && read -r address < "$connection/persistent_address" && break
done
[ -n "$address" ] || exit 0
port=8080
for argument in $(cat /proc/cmdline); do
    case "$argument" in apus_http_port=*) port=${argument#*=} ;; esac
done

property() { systemctl show --value --property "$1" 2> /dev/null; }

finish=0
while [ "${finish:-0}" = 0 ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 0
    sleep 2
    finish=$(property FinishTimestampMonotonic)
done
initrd=$(property InitRDTimestampMonotonic) initrd=${initrd:-0}
userspace=$(property UserspaceTimestampMonotonic)
failed=$(property NFailedUnits)
report="up kernel=$((initrd > 0 ? initrd : userspace)) initrd=$((initrd > 0 ? userspace - initrd : 0))"
report="$report userspace=$((finish - userspace)) failed=${failed:-0}"

if command -v bash > /dev/null; then
    # $1 address, $2 port, $3 report; the answer is read so that the connection is not cut before it.
    timeout 20 bash -c 'exec 3<> "/dev/tcp/$1/$2" || exit 1
        printf "POST /boot/report HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s" \
            "$1" "${#3}" "$3" >&3
        read -r version status words <&3 && [ "$status" = 200 ]' report "$address" "$port" "$report"
else
    timeout 20 busybox wget -q -O /dev/null --post-data "$report" "http://$address:$port/boot/report"
fi
