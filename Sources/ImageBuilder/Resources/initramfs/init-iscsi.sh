#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Attaches the machine's root disk. What to attach is told by the kernel's arguments
#   initiator_name= iscsi_target_ip= iscsi_target_name= [iscsi_target_port=3260] [iscsi_lun=0]
#   [iscsi_chap_name= iscsi_chap_secret=]
# where iscsi_target_ip may be several addresses with commas between, IPv6 ones in brackets: the first that answers is
# taken, or with the feature multipath all of them;
# or, when none of them is given, by the machine's iBFT, which iPXE and firmware with an initiator of their own leave.
# A boot that fails says which step failed, and why, as its last words on the console.

# How long a target that refuses or does not answer is asked again: it may be starting, too.
retry_seconds=20
# How long the kernel may take to find the disk of a session.
disk_seconds=10

state=/run/iscsi-boot
ibft=/sys/firmware/ibft
step=start

say() { echo "iscsi-boot: $*"; }

fail() {
    say "FAILED at step \"$step\": $*"
    say "a shell follows: /init-iscsi.sh tries again, exit goes on with the boot"
    # Nothing else is waited for, so that the shell is not disturbed by what times out later.
    systemctl --no-block cancel > /dev/null 2>&1
    exit 1
}

uptime_seconds() {
    read -r now rest < /proc/uptime
    echo "${now%%.*}"
}

# The lines of a file of sysfs; nothing when it is not there.
attribute() { [ ! -r "$1" ] || cat "$1"; }

read_arguments() {
    initiator='' address='' port='' target='' lun='' user='' secret=''
    for argument in $(cat /proc/cmdline); do
        case "$argument" in
        initiator_name=*) initiator=${argument#*=} ;;
        iscsi_target_ip=*) address=$(echo "${argument#*=}" | tr ',' ' ' | tr -d '[]') ;;
        iscsi_target_port=*) port=${argument#*=} ;;
        iscsi_target_name=*) target=${argument#*=} ;;
        iscsi_lun=*) lun=${argument#*=} ;;
        iscsi_chap_name=*) user=${argument#*=} ;;
        iscsi_chap_secret=*) secret=${argument#*=} ;;
        esac
    done
}

# The iBFT as the kernel shows it; a table has up to two targets, the first one that answers is taken.
read_ibft() {
    modprobe -q iscsi_ibft
    [ -d "$ibft/initiator" ] || fail "neither initiator_name=, iscsi_target_ip= and iscsi_target_name= on the kernel" \
        "command line nor an iBFT from the firmware"
    initiator=$(attribute $ibft/initiator/initiator-name)
    ways=$(cd $ibft && echo target*)
    [ "$ways" != 'target*' ] || fail "the iBFT of the firmware names no target"
}

# A LUN is eight bytes, of which the kernel shows each in hexadecimal without a leading zero. The first two hold the
# number (SAM-5's peripheral and flat forms), the other six are zeroes.
lun_of_digits() {
    case "${1%000000}" in
    ??) high=${1%???????} low=${1#?} low=${low%000000} ;;
    0??) high=0 low=${1#?} low=${low%000000} ;;
    ???) high=${1%???????} low=${1#??} low=${low%000000} ;;
    ????) high=${1%????????} low=${1#??} low=${low%000000} ;;
    *) high=0 low=0 ;;
    esac
    echo $(((0x$high & 0x3f) << 8 | 0x$low))
}

ibft_target() {
    address=$(attribute "$ibft/$1/ip-addr")
    port=$(attribute "$ibft/$1/port")
    target=$(attribute "$ibft/$1/target-name")
    lun=$(lun_of_digits "$(attribute "$ibft/$1/lun")")
    ibft_credentials "$1"
}

ibft_credentials() {
    user=$(attribute "$ibft/$1/chap-name")
    secret=$(attribute "$ibft/$1/chap-secret")
    user_in=$(attribute "$ibft/$1/rev-chap-name")
    secret_in=$(attribute "$ibft/$1/rev-chap-name-secret")
}

# Secrets that stay are not for the kernel's command line, which everybody on the machine can read: only what is made for one
# boot and one address comes so. A file of the initramfs may have others, USER:SECRET in a line and a second such line for
# what the target proves itself with; firmware that has attached the target that is named there has left them in its iBFT.
argument_credentials() {
    [ -z "$user" ] || return 0
    if [ -r /etc/iscsi/chap ]; then
        IFS=: read -r user secret < /etc/iscsi/chap
        IFS=: read -r user_in secret_in << end
$(sed -n 2p /etc/iscsi/chap)
end
    fi
    modprobe -q iscsi_ibft
    for one in "$ibft"/target*; do
        [ "$(attribute "$one/target-name")" != "$target" ] || ibft_credentials "${one##*/}"
    done
}

# The sessions with the target, each as its folder and the address it was made to.
sessions() {
    for session in /sys/class/iscsi_session/session*; do
        [ "$(attribute "$session/targetname")" = "$target" ] || continue
        for connection in "$session"/device/connection*/iscsi_connection/*; do
            echo "$session $(attribute "$connection/persistent_address")"
        done
    done
}

# One login; open-iscsi's own last words are kept for the message. A session that an earlier try has made will do.
# iscsistart reads iscsid.conf for an iBFT only, so that it is told what stands there.
login() {
    sessions | grep -q " $address\$" && return 0
    iscsistart --initiatorname="$initiator" --targetname="$target" --tgpt=1 \
        --address="$address" --port="$port" --param node.session.initial_login_retry_max=1 $(settings) \
        ${user:+--username="$user" --password="$secret"} \
        ${user_in:+--username_in="$user_in" --password_in="$secret_in"} > $state/log 2>&1
}

settings() {
    sed -n -e '/initial_login_retry_max/d' -e 's/^\(node\.[a-z]*[^ ]*\.[^ ]*\) = \(.*\)/--param \1=\2/p' /etc/iscsi/iscsid.conf |
        grep -e '\.timeo\.' -e '\.err_timeo\.' -e '\.iscsi\.' -e queue_depth -e cmds_max
}

# An interface that the root is reached by, and what it is made of, stay as they are: the root's own network services are
# told to leave them alone.
keep() {
    [ -n "$1" ] || return 0
    printf '[Match]\nName=%s\n\n[Link]\nUnmanaged=yes\n' "$1" > "/run/systemd/network/00-iscsi-boot-$1.network"
    for lower in /sys/class/net/"$1"/lower_*; do
        [ ! -e "$lower" ] || keep "${lower##*/lower_}"
    done
}

# The root finds the initiator's name and the name servers that this boot learnt.
hand_over() {
    umask 022
    echo "InitiatorName=$initiator" > $state/initiatorname.iscsi
    sed -n 's/^DNS=//p' /run/systemd/netif/leases/* 2>/dev/null | tr ' ' '\n' | sort -u | sed 's/^/nameserver /' \
        > $state/resolv.conf
    mkdir -p /run/systemd/network
    for one in $(sessions | cut -d ' ' -f 2); do
        keep "$(ip -o route get "$one" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')"
    done
}

# The block devices of LUN $lun in all sessions with $target.
disks() {
    for one in $(sessions | cut -d ' ' -f 1); do
        for disk in "$one"/device/target*/*:"$lun"/block/*; do
            [ ! -e "$disk" ] || echo "/dev/${disk##*/}"
        done
    done
}

# Makes one disk of all paths. The partitions of the paths go, so that nothing mounts the root past it.
join_paths() {
    modprobe -q dm_multipath
    udevadm settle
    for disk in $(disks); do
        partx --delete "$disk" 2> /dev/null
        multipath -a "$disk" > /dev/null
    done
    multipath > $state/log 2>&1
    first=$(disks | head -n 1)
    for holder in /sys/block/"${first##*/}"/holders/dm-*; do
        [ -e "$holder" ] || fail "multipath made no disk of$(disks | tr '\n' ' '): $(tail -n 1 $state/log)"
        map=/dev/mapper/$(cat "$holder/dm/name")
    done
    kpartx -a -s -p -part "$map"
    udevadm settle
    say "$map is $(disks | tr '\n' ' ')"
}

mkdir -p $state /etc/iscsi

step="what to attach"
read_arguments
if [ -n "$initiator$address$target" ]; then
    source="the kernel command line"
    [ -n "$initiator" ] || fail "initiator_name= is missing on the kernel command line"
    [ -n "$address" ] || fail "iscsi_target_ip= is missing on the kernel command line"
    [ -n "$target" ] || fail "iscsi_target_name= is missing on the kernel command line"
    ways=$address
    argument_credentials
else
    source="the firmware's iBFT"
    read_ibft
    [ -n "$initiator" ] || fail "the iBFT of the firmware has no initiator name"
fi
echo "InitiatorName=$initiator" > /etc/iscsi/initiatorname.iscsi

step="network"
for interface in /sys/class/net/*; do
    case "${interface##*/}" in lo) ;; *) interfaces="$interfaces ${interface##*/}" ;; esac
done
[ -n "$interfaces" ] || fail "the machine has no network interface: its driver is not in this initramfs"
[ -n "$(ip -o addr show scope global)" ] || fail "no interface has an address: no DHCP answer on$interfaces"

step="iSCSI modules"
modprobe -a iscsi_tcp sd_mod || fail "the kernel has no iscsi_tcp: it is not in this initramfs"

# With multipath every way is taken that answers, else the first one.
multipath=''
[ "${ways% *}" = "$ways" ] || multipath=$(command -v multipath)

step="login"
deadline=$(($(uptime_seconds) + retry_seconds))
attached=''
while [ -z "$attached" ]; do
    for one in $ways; do
        case "$one" in target[0-9]*) ibft_target "$one" ;; *) address=$one ;; esac
        port=${port:-3260}
        lun=${lun:-0}
        if login; then
            attached="$attached $address:$port"
            [ -n "$multipath" ] || break
        fi
    done
    [ -z "$attached" ] || break
    reason=$(sed 's/^iscsistart: //' $state/log | grep -v -e '^$' -e '^Logging in' | tail -n 1)
    [ "$(uptime_seconds)" -lt "$deadline" ] || fail "$target at $address:$port (from $source) as $initiator:" \
        "${reason:-no login}; is the target running, and is this initiator in its ACLs?"
    say "no login to $target at $address:$port yet${reason:+: $reason}"
    sleep 1
done
hand_over

step="disk"
deadline=$(($(uptime_seconds) + disk_seconds))
until [ "$(disks | wc -l)" -ge "$(sessions | wc -l)" ]; do
    [ "$(uptime_seconds)" -lt "$deadline" ] || [ -n "$(disks)" ] || fail "$target has no LUN $lun for $initiator"
    [ "$(uptime_seconds)" -lt "$deadline" ] || break
    sleep 0.2
done
[ -z "$multipath" ] || join_paths
say "attached LUN $lun of $target at${attached} as $(disks | tr '\n' ' ')(from $source)"
