#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# The boot services against real clients: udhcpc, BusyBox's tftp, atftp and curl, with dnsmasq as another DHCP server.
# All of it happens in namespaces of its own, which end with it: a bridge with the daemon, a client and a DHCP server.
set -u
if [ "${APUS_PEERS_INSIDE:-}" != yes ]; then
    [ "$(id -u)" -eq 0 ] || as_root=(--user --map-root-user)
    export APUS_PEERS_INSIDE=yes
    exec unshare "${as_root[@]}" --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
source "$(dirname "$0")/tools/library.sh"
needs ip iptables busybox udhcpc atftp curl dnsmasq socat cmp

firmware=/usr/lib/ipxe
mac=52:54:00:12:34:56
base=http://10.77.0.1:8080

# A bridge in this namespace; client and dhcpd are plugged in to it.
mount -t tmpfs tmpfs /run
ip link set lo up
# An address of its own: without one a bridge takes that of a port, and another when the port goes.
ip link add br0 address 52:54:00:00:00:01 type bridge
ip addr add 10.77.0.1/24 dev br0
ip link set br0 up
for host in client dhcpd; do
    ip netns add "$host"
    ip link add "$host" type veth peer name eth0 netns "$host"
    ip link set "$host" master br0 up
    ip -n "$host" link set lo up
done
ip -n client link set eth0 address "$mac" up
ip -n dhcpd addr add 10.77.0.2/24 dev eth0
ip -n dhcpd link set eth0 up

client() { timeout 60 ip netns exec client "$@"; }
apus() { "$apus" "$@" --config "$work/config.json" --state "$work/state" --socket "$work/apus.sock"; }

# What udhcpc was told is written to $work/lease, a variable a line.
cat >"$work/lease.sh" <<EOF
#!/bin/sh
[ "\$1" != bound ] || env >"$work/lease"
EOF
chmod +x "$work/lease.sh"

# lease ARGUMENTS…: a DHCP exchange by udhcpc.
lease() {
    rm -f "$work/lease"
    client busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s "$work/lease.sh" "$@"
}

# told NAME=VALUE: did the last lease say that?
told() { grep -qxE -- "$1" "$work/lease"; }
not() { ! "$@"; }

# fetched FILE COMMAND…: does the command, run in the client, leave a copy of FILE in $work/got?
fetched() {
    local file=$1
    shift
    rm -f "$work/got"
    client "$@" && cmp "$file" "$work/got"
}

answers() {
    local status=$1
    shift
    [ "$(client curl -s -o "$work/got" -w '%{http_code}' "$@")" = "$status" ]
}

logged() {
    for _ in $(seq 50); do
        grep -q -- "$1" "$work/serve.log" && return
        sleep 0.1
    done
    tail -n 5 "$work/serve.log"
    return 1
}

check "services are set" apus services set --interface br0 --address 10.77.0.1 --dhcp 10.77.0.50-10.77.0.99/24
check "a machine is added" apus client add node1 --mac "$mac" --disk "$work/disk.img" --size 64M
"$apus" serve --config "$work/config.json" --state "$work/state" --socket "$work/apus.sock" >"$work/serve.log" 2>&1 &
daemon=$!
pids+=("$daemon")
for _ in $(seq 100); do
    client curl -s -o /dev/null "$base/snponly.efi" --connect-timeout 0.1
    curl -s -o /dev/null "$base/snponly.efi" && break
    sleep 0.1
done

# --- DHCP with addresses
check "udhcpc gets a lease" lease
check "from the range" told "ip=10\.77\.0\.[5-9][0-9]"
check "with the subnet's mask" told "mask=24"
check "and no boot file, for it does not boot" not told "(boot_file|siaddr)=.+"
address=$(sed -n 's/^ip=//p' "$work/lease")
check "udhcpc gets the same address again" lease
check "told the same" told "ip=$address"
check "an initiator that asks is told its disk" lease -O rootpath
check "as RFC 4173 writes it" told "rootpath=iscsi:10\.77\.0\.1::3260:0:iqn\..*"
check "BIOS firmware gets a lease" lease -V PXEClient:Arch:00000:UNDI:002001 -x 0x5d:0000
check "and undionly.kpxe" told "boot_file=undionly.kpxe"
check "from this server" told "siaddr=10\.77\.0\.1"
check "UEFI firmware gets a lease" lease -V PXEClient:Arch:00007:UNDI:003000 -x 0x5d:0007
check "and snponly.efi" told "boot_file=snponly.efi"
check "UEFI HTTP Boot gets a lease" lease -V HTTPClient:Arch:00016:UNDI:003001 -x 0x5d:0010
check "and a URL" told "boot_file=$base/snponly.efi"
check "iPXE gets a lease" lease -V PXEClient:Arch:00007:UNDI:003000 -x 0x5d:0007 -x 0xaf:b00101
check "and its script's URL" told "boot_file=$base/52-54-00-12-34-56/boot.ipxe"
check "whichever program asked, the address is one" told "ip=$address"
check "a client that wants another network's address is put right" lease -r 192.168.50.5
check "with its own" told "ip=$address"

# --- leases are kept, addresses can be fixed, options set
kept() { grep -q "$mac $address\$" "$work/state/dhcp.leases"; }
sleep 1
check "the lease is kept in the state folder" kept
check "a name server is set, and ports for TFTP" apus services set --interface br0 --address 10.77.0.1 \
    --dhcp 10.77.0.50-10.77.0.99/24 --dhcp-option 6=10.77.0.53 --dhcp-option 15=lab.example \
    --relayed 10.9.0.50-10.9.0.99/24,10.9.0.1 --tftp-transfer-ports 50000-50009
check "udhcpc gets its old address from a server that has just started" lease
check "told the same" told "ip=$address"
check "with the name server" told "dns=10\.77\.0\.53"
check "and the domain" told "domain=lab\.example"
check "an address is kept for the machine" apus client set node1 --address 10.77.0.200
check "udhcpc gets it" lease
check "outside the range" told "ip=10\.77\.0\.200"
check "a machine can be known by its UUID instead" apus client set node1 --mac "" --address 10.77.0.201 \
    --uuid 4c4c4544-0042-3510-8052-b4c04f4d3232
check "udhcpc that says its UUID as firmware does" lease -x 0x61:0044454c4c420010358052b4c04f4d3232
check "gets the address that is kept for it" told "ip=10\.77\.0\.201"
check "and its disk's root path" lease -O rootpath -x 0x61:0044454c4c420010358052b4c04f4d3232
check "in RFC 4173's form" told "rootpath=iscsi:10\.77\.0\.1::3260:0:iqn\..*"
check "the machine is known by its MAC again" apus client set node1 --mac "$mac" --uuid "" --address ""
check "udhcpc gets one of the range again" lease
address=$(sed -n 's/^ip=//p' "$work/lease")
check "from the range" told "ip=10\.77\.0\.[5-9][0-9]"

# A relay agent on another network, with option 82; BusyBox's relay adds none, so it is dnsmasq's.
ip netns add relay
ip link add relay type veth peer name eth0 netns relay
ip link set relay master br0 up
ip link add far type veth peer name far1
ip link set far netns relay
ip link set far1 netns client
ip -n relay addr add 10.77.0.9/24 dev eth0
ip -n relay link set eth0 up
ip -n relay addr add 10.9.0.1/24 dev far
ip -n relay link set far up
ip -n client link set far1 address 52:54:00:12:34:99 up
ip route add 10.9.0.0/24 via 10.77.0.9
ip netns exec relay sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' 2>"$work/forward.log"
ip netns exec relay dnsmasq --keep-in-foreground --port=0 --conf-file=/dev/null --pid-file= --user=root \
    --dhcp-relay=10.9.0.1,10.77.0.1 >"$work/relay.out" 2>&1 &
relay=$!
pids+=("$relay")
sleep 0.5
rm -f "$work/lease"
check "a machine behind a relay agent gets a lease" \
    client busybox udhcpc -i far1 -n -q -f -t 5 -T 1 -s "$work/lease.sh"
check "of its own network" told "ip=10\.9\.0\.[5-9][0-9]"
check "with its own router" told "router=10\.9\.0\.1"
kill "$relay"
ip netns del relay

# --- TFTP
ip -n client addr add "$address/24" dev eth0
check "BusyBox's tftp gets a boot program" \
    fetched $firmware/undionly.kpxe busybox tftp -g -r undionly.kpxe -l "$work/got" 10.77.0.1
# Blocks come from the ports that are open.
ip netns exec client iptables -A INPUT -p udp ! --sport 50000:50009 -j DROP
check "TFTP's transfers come from the ports that were set" \
    fetched $firmware/undionly.kpxe busybox tftp -g -r undionly.kpxe -l "$work/got" 10.77.0.1
ip netns exec client iptables -F INPUT
apus services set --interface br0 --address 10.77.0.1 --dhcp 10.77.0.50-10.77.0.99/24 >"$work/check.log" 2>&1
check "in blocks of 1468" \
    fetched $firmware/snponly.efi busybox tftp -b 1468 -g -r snponly.efi -l "$work/got" 10.77.0.1
check "atftp gets one with a window of 16 blocks" \
    fetched $firmware/snponly.efi atftp --option "blksize 1428" --option "windowsize 16" \
    -g -r snponly.efi -l "$work/got" 10.77.0.1
check "curl gets one in blocks of 8 bytes" \
    fetched $firmware/undionly.kpxe curl -s --tftp-blksize 8 -o "$work/got" tftp://10.77.0.1/undionly.kpxe
check "curl gets one without options" \
    fetched $firmware/snponly.efi curl -s --tftp-no-options -o "$work/got" tftp://10.77.0.1//snponly.efi
check "a file that is not there is refused" not client busybox tftp -g -r nosuch -l "$work/got" 10.77.0.1
timeline_has() { apus timeline node1 | grep -F -- "$1"; }
check "and stands in the machine's timeline" timeline_has nosuch
check "there is no way out of the catalogue" \
    not client busybox tftp -g -r ../../../etc/passwd -l "$work/got" 10.77.0.1
check "nothing is taken" not client busybox tftp -p -l "$work/lease" -r snponly.efi 10.77.0.1
many() {
    local number pids=() missing=0
    for number in $(seq 100); do
        client curl -s -o "$work/many.$number" tftp://10.77.0.1/snponly.efi &
        pids+=($!)
    done
    wait "${pids[@]}"
    for number in $(seq 100); do
        cmp -s $firmware/snponly.efi "$work/many.$number" || missing=$((missing + 1))
    done
    rm -f "$work"/many.*
    echo "$missing of 100 did not get their file"
    [ "$missing" -eq 0 ]
}
check "a hundred clients at once get their files" many
# One packet in twenty lost, each way.
lossy() { ip netns exec client iptables -"$1" INPUT -p udp -m statistic --mode random --probability 0.05 -j DROP; }
if lossy A 2>"$work/iptables.log"; then
    check "with loss, blocks one by one" \
        fetched $firmware/snponly.efi curl -s --tftp-blksize 1024 -o "$work/got" tftp://10.77.0.1/snponly.efi
    check "with loss, in windows" \
        fetched $firmware/snponly.efi atftp --option "blksize 1428" --option "windowsize 8" \
        -g -r snponly.efi -l "$work/got" 10.77.0.1
    lossy D
else
    echo "        this kernel drops no packets at random: $(head -n 1 "$work/iptables.log")"
fi

# --- HTTP
check "curl gets a boot program" fetched $firmware/snponly.efi curl -s -o "$work/got" $base/snponly.efi
tail -c +1001 $firmware/snponly.efi | head -c 500 >"$work/part"
check "curl gets a range" fetched "$work/part" curl -s -r 1000-1499 -o "$work/got" $base/snponly.efi
head -c 100000 $firmware/snponly.efi >"$work/begun"
check "curl continues a broken download" bash -c \
    "cp '$work/begun' '$work/got' && ip netns exec client curl -s -C - -o '$work/got' $base/snponly.efi &&
     cmp $firmware/snponly.efi '$work/got'"
check "HEAD tells the size" bash -c \
    "ip netns exec client curl -sI $base/snponly.efi | grep -qi '^content-length: $(stat -c %s $firmware/snponly.efi)'"
check "a machine gets its script" answers 200 "$base/boot/ipxe?mac=$mac"
check "to boot from its own disk" grep -q "^sanboot iscsi:10.77.0.1::3260:0:iqn" "$work/got"
check "an unknown machine gets a script" answers 200 "$base/52-54-00-00-00-99/boot.ipxe"
check "that asks what only iPXE knows of it" grep -q 'mac=52-54-00-00-00-99&uuid=${uuid}' "$work/got"
check "and then another" answers 200 "$base/boot/ipxe?mac=52-54-00-00-00-99&uuid=&serial=none"
check "that says what to type" grep -q "apus client add NAME --mac 52:54:00:00:00:99" "$work/got"
check "and never anybody's disk" not grep -q sanboot "$work/got"
check "and is logged" logged 52:54:00:00:00:99
check "another machine's files are not found" answers 404 "$base/52-54-00-00-00-99/vmlinuz"
check "nothing outside the catalogue is found" answers 404 --path-as-is "$base/../../etc/passwd"

# --- another DHCP server on the same network
ip netns exec dhcpd dnsmasq --keep-in-foreground --port=0 --conf-file=/dev/null --pid-file= --user=root \
    --dhcp-range=10.77.0.150,10.77.0.180,1h --dhcp-leasefile="$work/rival.leases" >"$work/rival.out" 2>&1 &
rival=$!
pids+=("$rival")
sleep 0.5
apus services set --interface br0 --address 10.77.0.1 --dhcp 10.77.0.50-10.77.0.98/24 >"$work/check.log" 2>&1
check "another DHCP server is noticed" logged "another DHCP server answers on this network: 10.77.0.2"
status_has() { apus status | grep -F -- "$1"; }
check "and stands in the status with what to do" status_has "another DHCP server, 10.77.0.2"
kill "$rival"

# --- an address that another machine has, whatever DHCP thinks
apus services set --interface br0 --address 10.77.0.1 --dhcp 10.77.0.60-10.77.0.61/24 >"$work/check.log" 2>&1
ip -n dhcpd addr add 10.77.0.60/24 dev eth0
ip -n dhcpd addr add 10.77.0.61/24 dev eth0
ip -n client addr flush dev eth0
# Long enough for the timeline to take the silence for the end.
timeout 9 ip netns exec client busybox udhcpc -i eth0 -n -q -f -a300 -t 3 -T 1 -s "$work/lease.sh" >"$work/check.log" 2>&1
check "an address in use is declined, and stands in the timeline" timeline_has "another machine answers on that address"
check "with what to do" timeline_has "do: find the machine that has the address, or keep it out of the range"
ip -n dhcpd addr del 10.77.0.60/24 dev eth0
ip -n dhcpd addr del 10.77.0.61/24 dev eth0
apus services set --interface br0 --address 10.77.0.1 --dhcp 10.77.0.50-10.77.0.98/24 >"$work/check.log" 2>&1

# --- a target that cannot be reached
socat TCP-LISTEN:3261,bind=10.77.0.1,fork /dev/null &
pids+=($!)
sleep 0.3
check "a portal that another program has is not taken over" not apus services set --interface br0 \
    --address 10.77.0.1 --dhcp 10.77.0.50-10.77.0.98/24 --iscsi-port 3261
check "with what names that program" logged "another program listens there; stop it .ss -ltnp 'sport = :3261' names it"

# --- beside another DHCP server
apus services set --interface br0 --address 10.77.0.1 --dhcp proxy >"$work/check.log" 2>&1 || cat "$work/check.log"
ip netns exec dhcpd dnsmasq --keep-in-foreground --port=0 --conf-file=/dev/null --pid-file= --user=root \
    --dhcp-range=10.77.0.150,10.77.0.180,1h --dhcp-leasefile="$work/dnsmasq.leases" --log-dhcp \
    --log-facility="$work/dnsmasq.log" >"$work/dnsmasq.out" 2>&1 &
pids+=($!)
sleep 1
ip -n client addr flush dev eth0
check "with a proxy, udhcpc gets its lease from dnsmasq" lease
check "undisturbed" told "serverid=10\.77\.0\.2"
# Asks as UEFI firmware does that took the proxy's offer: by unicast to port 4011.
ip -n client addr add 10.77.0.171/24 dev eth0
{
    printf '\1\1\6\0\x66\xc1\3\x0c\0\0\0\0\x0a\x4d\0\xab'
    head -c 12 /dev/zero
    printf '\x52\x54\0\x12\x34\x56'
    head -c 202 /dev/zero
    printf '\x63\x82\x53\x63\x35\1\3\x5d\2\0\7<\x20PXEClient:Arch:00007:UNDI:003000\xff'
} >"$work/request"
asks_proxy() {
    client socat -t 2 - UDP4-DATAGRAM:10.77.0.1:4011,bind=:68 <"$work/request" >"$work/got"
    grep -aq snponly.efi "$work/got" && grep -aq PXEClient "$work/got"
}
check "UEFI's question on port 4011 is answered with the boot file" asks_proxy

# --- who holds a port, and the end
cp "$work/config.json" "$work/other.json"
check "a second server is told who holds the port" bash -c \
    "timeout 5 '$apus' serve --config '$work/other.json' --state '$work/other' --socket '$work/other.sock' 2>&1 |
     tee '$work/second.log'; grep -q 'another program has UDP port' '$work/second.log'"
ends() { kill -INT "$daemon" && wait "$daemon"; }
check "^C ends the daemon with status 0" ends
check "and frees its ports" not client curl -s --max-time 2 $base/snponly.efi
finish
