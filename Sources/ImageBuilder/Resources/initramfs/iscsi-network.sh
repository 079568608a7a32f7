#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Completes what systemd-network-generator made of the kernel's arguments: version 252 leaves out the numbers of VLANs,
# which are the digits at the end of their names (vlan=vlan30:eth0, vlan=eth0.30:eth0).

for argument in $(cat /proc/cmdline); do
    case "$argument" in
    vlan=?*:*) ;;
    *) continue ;;
    esac
    name=${argument#vlan=}
    name=${name%%:*}
    number=${name##*[!0-9]}
    number=${number#${number%%[!0]*}}
    for file in /run/systemd/network/*-"$name".netdev; do
        [ -e "$file" ] && [ -n "$number" ] && ! grep -q '^Id=' "$file" || continue
        mkdir -p "$file.d"
        printf '[VLAN]\nId=%s\n' "$number" > "$file.d/number.conf"
    done
done
