#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# The ways to the root's disk that kernel arguments and files of an image choose: a fixed address, a VLAN, IPv6, CHAP,
# several networks of which one fails. The image is of templates; the kernel and the initramfs are the image's; QEMU starts them itself.
#
# usage: networks.sh APUS-PROGRAM
set -u
source "$(dirname "$(realpath "$0")")/../tools/laboratory.sh"
target=iqn.2026-11.org.apus:drill
initiator=iqn.2026-11.org.apus:drill.initiator
image=$images/images/drill
user=drill
secret=0123456789abcdef

# boots ARGUMENTS…: the kernel with these arguments, until one can log in.
boots() {
    local arguments
    arguments=$(sed -n '/"kernelArguments"/,/\]/s/^ *"\(.*[^[]\)",\{0,1\}$/\1/p' "$image/manifest.json" | tr '\n' ' ')
    machine -kernel "$image/vmlinuz" -initrd "${initramfs:-$image/initrd.img}" \
        -append "$arguments net.ifnames=0 initiator_name=$initiator iscsi_target_name=$target $*"
    soon 400 is_up || { tail -n 5 "$console" && return 1; }
}

goes_off() {
    guest systemctl poweroff
    soon 60 has_ended
}

check "the services are set, with targets at four addresses" "$apus" services set --interface lan0 --address 10.77.0.1 \
    --dhcp off --iscsi-address 10.78.0.1 --iscsi-address 10.79.0.1 --iscsi-address fd78::1 "${files[@]}"
check "a machine is added" "$apus" client add drill --mac 52:54:00:64:72:01 --image drill "${files[@]}"
check "the daemon serves" serve

address=10.79.0.60
check "a fixed address in a VLAN: it boots" boots vlan=vlan30:eth0 ip=$address:::255.255.255.0::vlan30:off \
    iscsi_target_ip=10.79.0.1
check "its root comes through the VLAN" guest_says '10.79.0.60:.* 10.79.0.1:3260' "ss -tn"
check "the VLAN has its number" guest_says 'id 30' "ip -d link show vlan30"
check "its system is whole" soon 120 guest_says '^running$' "systemctl is-system-running; systemctl --failed"
check "it goes off" goes_off

# The kernel gets its secret from a file that is laid over the initramfs, as a template would bring it.
mkdir -p "$work/more/etc/iscsi"
echo "$user:$secret" >"$work/more/etc/iscsi/chap"
cp "$image/initrd.img" "$work/chap.img"
# The kernel finds a further archive where a multiple of four bytes begins.
truncate --size=%4 "$work/chap.img"
(cd "$work/more" && find . | cpio --quiet --create --format=newc --owner=0:0 >>"$work/chap.img")
check "the machine is to prove itself" "$apus" client set drill --chap "$user:$secret" "${files[@]}"
address=fd78::60
initramfs=$work/chap.img
check "IPv6 and CHAP: it boots" boots "ip=[$address]:::64::eth1:off" "iscsi_target_ip=[fd78::1]"
check "its root comes by IPv6" guest_says '\[fd78::1\]:3260' "ss -tn"
check "by a session that proved itself" guest_says "^$user\$" "cat /sys/class/iscsi_session/session*/username"
check "it goes off" goes_off
check "it need not prove itself any more" "$apus" client set drill --chap "" "${files[@]}"
initramfs=

address=10.77.0.60
check "two networks: it boots" boots ip=$address:::255.255.255.0::eth0:off ip=10.78.0.60:::255.255.255.0::eth1:off \
    iscsi_target_ip=10.77.0.1,10.78.0.1
check "its root is a disk of two paths" guest_says '^mpath$' "lsblk -s -n -o TYPE \$(findmnt -n -o SOURCE /)"
paths() { guest "multipathd show paths format '%t %o'" | grep -c '^active *running'; }
has_paths() { [ "$(paths)" -eq "$1" ]; }
check "both are active" soon 60 has_paths 2
check "its system is whole" soon 120 guest_says '^running$' "systemctl is-system-running; systemctl --failed"
check "load begins" fio_begins 90
sleep 5
# The network that one logs in by stays; the root's I/O goes to the other path.
ip link set tap1 down
check "a path that is cut is noticed" soon 90 has_paths 1
written() { guest "awk '{ print \$7 }' /sys/block/dm-0/stat"; }
check "the disk takes writes by the other" soon 30 writes_again
ip link set tap1 up
check "the path comes back" soon 120 has_paths 2
check "the load ends" soon 180 fio_ended
check "no error and no wrong block in all that" fio_was_right
check "the file system had no error" guest "! dmesg | grep -E 'EXT4-fs (error|warning)|Remounting'"
check "it goes off" goes_off
check "the daemon ends when told to" bash -c "kill -TERM $daemon && tail --pid=$daemon -f /dev/null"
check "the file system is clean" file_system_is_clean
[ "$failures" -eq 0 ] || { tail -n 30 "$console" "$work/serve.log" | cut -c1-200 | sed 's/^/        /'; }
finish
