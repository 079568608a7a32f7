#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Attaches the machine's root disk. What to attach is told by the kernel's arguments
#   initiator_name= iscsi_target_ip= iscsi_target_name= [iscsi_target_port=3260] [iscsi_lun=0]
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
    initiator='' address='' port='' target='' lun=''
    for argument in $(cat /proc/cmdline); do
        case "$argument" in
        initiator_name=*) initiator=${argument#*=} ;;
        iscsi_target_ip=*) address=${argument#*=} ;;
        iscsi_target_port=*) port=${argument#*=} ;;
        iscsi_target_name=*) target=${argument#*=} ;;
        iscsi_lun=*) lun=${argument#*=} ;;
        esac
    done
}

# The iBFT as the kernel shows it; a table has up to two targets, the first one that answers is taken.
read_ibft() {
    modprobe -q iscsi_ibft
    [ -d "$ibft/initiator" ] || fail "neither initiator_name=, iscsi_target_ip= and iscsi_target_name= on the kernel" \
        "command line nor an iBFT from the firmware"
    initiator=$(attribute $ibft/initiator/initiator-name)
    targets=$(cd $ibft && echo target*)
    [ "$targets" != 'target*' ] || fail "the iBFT of the firmware names no target"
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

# Secrets are not for the kernel's command line, which everybody on the machine can read. Firmware that has attached the
# target that is named there has left them in its iBFT.
argument_credentials() {
    modprobe -q iscsi_ibft
    for one in "$ibft"/target*; do
        [ "$(attribute "$one/target-name")" != "$target" ] || ibft_credentials "${one##*/}"
    done
}

# One login; open-iscsi's own last words are kept for the message. A session that an earlier try has made will do.
login() {
    for session in /sys/class/iscsi_session/session*; do
        [ "$(attribute "$session/targetname")" != "$target" ] || return 0
    done
    iscsistart --initiatorname="$initiator" --targetname="$target" --tgpt=1 \
        --address="$address" --port="$port" --param node.session.initial_login_retry_max=1 \
        ${user:+--username="$user" --password="$secret"} \
        ${user_in:+--username_in="$user_in" --password_in="$secret_in"} > $state/log 2>&1
}

# The address of the boot interface stays as it is: the root's own network services are told to leave it alone, and
# find the initiator's name and the name servers that this boot learnt.
hand_over() {
    umask 022
    echo "InitiatorName=$initiator" > $state/initiatorname.iscsi
    sed -n 's/^DNS=//p' /run/systemd/netif/leases/* 2>/dev/null | tr ' ' '\n' | sort -u | sed 's/^/nameserver /' \
        > $state/resolv.conf
    interface=$(ip -o route get "$address" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')
    [ -n "$interface" ] || return 0
    mkdir -p /run/systemd/network
    printf '[Match]\nName=%s\n\n[Link]\nUnmanaged=yes\n' "$interface" > /run/systemd/network/00-iscsi-boot.network
    echo "$interface" > $state/interface
}

# The block device of LUN $lun in a session with $target.
disk_of_session() {
    for session in /sys/class/iscsi_session/session*; do
        [ "$(attribute "$session/targetname")" = "$target" ] || continue
        for disk in "$session"/device/target*/*:"$lun"/block/*; do
            [ -e "$disk" ] && echo "/dev/${disk##*/}" && return 0
        done
    done
    return 1
}

mkdir -p $state /etc/iscsi

step="what to attach"
read_arguments
if [ -n "$initiator$address$target" ]; then
    source="the kernel command line"
    [ -n "$initiator" ] || fail "initiator_name= is missing on the kernel command line"
    [ -n "$address" ] || fail "iscsi_target_ip= is missing on the kernel command line"
    [ -n "$target" ] || fail "iscsi_target_name= is missing on the kernel command line"
    targets=argument
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

step="login"
deadline=$(($(uptime_seconds) + retry_seconds))
attached=''
while [ -z "$attached" ]; do
    for one in $targets; do
        [ "$one" = argument ] || ibft_target "$one"
        port=${port:-3260}
        lun=${lun:-0}
        if login; then
            attached=yes
            break
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
until disk=$(disk_of_session); do
    [ "$(uptime_seconds)" -lt "$deadline" ] || fail "$target has no LUN $lun for $initiator"
    sleep 0.2
done
say "attached LUN $lun of $target at $address:$port as $disk (from $source)"
