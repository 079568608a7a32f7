#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# What a configuration says of who may log in, where and with what: portal groups, their parameters, networks,
# redirection, and portals and groups that go. By the daemon and its shell, with logins made of bytes and libiscsi's tools.
set -u
source "$(dirname "$0")/tools/library.sh"
needs python3 iscsi-inq iscsi-ls
tools=$(dirname "$0")/tools

# The shell's preferences.
export HOME=$work
here=(--config "$work/saveconfig.json" --state "$work/state" --socket "$work/socket")
shell() { "$apus" shell "${here[@]}" "$@"; }
serve() {
    "$apus" serve "${here[@]}" 2>>"$work/daemon.log" &
    daemon=$!
    pids+=("$daemon")
    for _ in $(seq 200); do
        ! "$apus" status "${here[@]}" >/dev/null 2>&1 || return 0
        sleep 0.05
    done
    return 1
}

target=iqn.2026-11.org.example:groups
first=$((20000 + RANDOM % 10000))
second=$((first + 1))
third=$((first + 2))
host=iqn.2026-11.org.example:host

# login PORT [ARGUMENT…]: logs in and tells the answer.
login() {
    local port=$1
    shift
    "$tools/login" 127.0.0.1 "$port" "$host" "$target" "$@"
}
# says WORD COMMAND…: is the line there?
says() {
    local word=$1
    shift
    "$@" >"$work/said" 2>&1
    grep -qxF -- "$word" "$work/said" || { cat "$work/said" && false; }
}

disks() { shell /backstores/ramdisk create one 16M && shell /backstores/ramdisk create two 16M; }
groups() {
    local tag
    shell /iscsi create "$target" && shell "/iscsi/$target" create 2 || return 1
    for tag in 1 2; do
        shell "/iscsi/$target/tpg$tag" set attribute generate_node_acls=1 &&
            shell "/iscsi/$target/tpg$tag/portals" create 127.0.0.1 $((first + tag - 1)) || return 1
    done
    shell "/iscsi/$target/tpg1/luns" create /backstores/ramdisk/one &&
        shell "/iscsi/$target/tpg2/luns" create /backstores/ramdisk/two &&
        shell "/iscsi/$target/tpg2" enable
}
group() { shell "/iscsi/$target/tpg$1" "${@:2}"; }

check "the daemon starts" serve
check "no group listens everywhere" shell set global auto_add_default_portal=false
check "there are two disks" disks
check "a target has two portal groups" groups
check "each portal leads to its group" \
    eval 'says TargetPortalGroupTag=1 login "$first" && says TargetPortalGroupTag=2 login "$second"'
product() { iscsi-inq "iscsi://127.0.0.1:$1/$target/0" | grep -i 'product'; }
check "and each group has its own unit" eval 'product "$first" | grep -q one && product "$second" | grep -q two'
listed() {
    iscsi-ls "iscsi://127.0.0.1:$1" >"$work/listed" && grep -q ":$first,1" "$work/listed" &&
        grep -q ":$second,2" "$work/listed"
}
check "discovery tells of both" eval 'listed "$first" && listed "$second"'

keys=(MaxBurstLength=1048576 FirstBurstLength=262144 InitialR2T=No ImmediateData=Yes MaxOutstandingR2T=8
    ErrorRecoveryLevel=2 MaxConnections=8 DefaultTime2Wait=0 DefaultTime2Retain=30 HeaderDigest=None,CRC32C)
agreed() {
    local port=$1 pair
    shift
    login "$port" "${keys[@]}" >"$work/said" || return 1
    for pair in "status 0000" "$@"; do grep -qxF -- "$pair" "$work/said" || { cat "$work/said" && return 1; }; done
}
check "a new group offers LIO's defaults, but larger bursts" agreed "$second" MaxBurstLength=1048576 \
    FirstBurstLength=262144 InitialR2T=No MaxOutstandingR2T=1 ErrorRecoveryLevel=0 MaxConnections=1 DefaultTime2Wait=2 \
    MaxRecvDataSegmentLength=262144 \
    HeaderDigest=None
check "parameters are set" group 2 set parameter MaxBurstLength=524288 FirstBurstLength=131072 InitialR2T=No \
    MaxOutstandingR2T=4 ErrorRecoveryLevel=2 MaxConnections=4 DefaultTime2Wait=5 DefaultTime2Retain=10 \
    MaxRecvDataSegmentLength=65536 HeaderDigest=CRC32C DataSequenceInOrder=No
check "and are what is agreed on" agreed "$second" MaxBurstLength=524288 FirstBurstLength=131072 InitialR2T=No \
    ErrorRecoveryLevel=2 MaxConnections=4 DefaultTime2Wait=5 DefaultTime2Retain=10 MaxRecvDataSegmentLength=65536 \
    HeaderDigest=CRC32C
check "a digest that is insisted on is a condition" says "status 0200" login "$second" HeaderDigest=None
check "the other group's are its own" agreed "$first" MaxBurstLength=1048576 ErrorRecoveryLevel=0 HeaderDigest=None
for wrong in MaxConnections=0 ErrorRecoveryLevel=3 InitialR2T=maybe DataDigest=MD5 MaxBurstLength=100; do
    check "$wrong is refused" eval '! group 2 set parameter $wrong'
done
check "what was refused changed nothing" agreed "$second" MaxConnections=4 ErrorRecoveryLevel=2
check "the old digests are set again" group 2 set parameter HeaderDigest=CRC32C,None

check "a network is allowed" group 1 set attribute allowed_networks=127.0.0.2/32
check "who comes from another is refused" says "status 0202" login "$first"
check "who comes from it is let in" says "status 0000" "$tools/login" --from 127.0.0.2 127.0.0.1 "$first" "$host" "$target"
check "and finds it, which others do not" eval \
    '"$tools/login" --from 127.0.0.2 127.0.0.1 "$first" "$host" - | grep -q "status 0000" && ! iscsi-ls "iscsi://127.0.0.1:$first" | grep -q ",1"'
check "all networks are allowed again" group 1 set attribute allowed_networks=

check "a group sends its initiators on" group 1 set attribute redirect_address=127.0.0.1:"$second"
check "for the time being" eval \
    'says "status 0101" login "$first" && grep -qxF "TargetAddress=127.0.0.1:$second" "$work/said"'
check "libiscsi goes there" eval 'product "$first" | grep -q two'
check "for good" eval 'group 1 set attribute redirect_permanently=1 && says "status 0102" login "$first"'
check "no longer" eval 'group 1 set attribute redirect_address= && says "status 0000" login "$first"'

# parts EVENT COMMAND…: a session that stays is asked to log out, then told that it is dropped, and closed.
parts() {
    local event=$1 stayed
    shift
    login "$second" --stay 60 >"$work/stayed" 2>&1 &
    stayed=$!
    for _ in $(seq 200); do
        grep -q stays "$work/stayed" && break
        sleep 0.05
    done
    "$@" && wait "$stayed"
    [ "$(sed '1,/^stays$/d' "$work/stayed" | tr '\n' ' ')" = "async 1 async $event closed " ] || {
        cat "$work/stayed" && false
    }
}
check "a group that is disabled parts with its sessions" parts 3 group 2 disable
check "and takes no more" eval '! says "status 0000" login "$second"'
check "it is enabled again" group 2 enable
check "a second portal is added" shell "/iscsi/$target/tpg2/portals" create 127.0.0.1 "$third"
check "a portal that is removed parts with its sessions" parts 3 \
    shell "/iscsi/$target/tpg2/portals" delete 127.0.0.1 "$second"
check "and takes no more connections" eval '! login "$second"'
check "the group is still reached by the other" says TargetPortalGroupTag=2 login "$third"
second=$third
check "a target that is removed parts with its sessions" parts 3 shell /iscsi delete "$target"
second=$((first + 1))
check "a target comes back" groups
check "a daemon that stops parts with its sessions" parts 3 kill -TERM "$daemon"
# A portal on an IPv6 link-local address, in a namespace with two links of which each has the same address.
if [ "$(id -u)" -eq 0 ]; then
    links() {
        ip netns add "$space" && ip netns add "$space.far" || return 1
        local link
        for link in left right; do
            ip -n "$space" link add "$link" type veth peer name "$link" netns "$space.far" || return 1
            ip -n "$space" address add fe80::1/64 dev "$link" nodad && ip -n "$space" link set "$link" up || return 1
            ip -n "$space.far" address add fe80::2/64 dev "$link" nodad && ip -n "$space.far" link set "$link" up ||
                return 1
        done
    }
    space=apus-link.$$
    unlink() { ip netns del "$space"; ip netns del "$space.far"; }
    trap 'unlink 2>/dev/null; cleanup' EXIT
    local=(--config "$work/local.json" --state "$work/local" --socket "$work/local.sock")
    near() { ip netns exec "$space" "$apus" shell "${local[@]}" "$@"; }
    local_target=iqn.2026-11.org.example:local
    served() {
        ip netns exec "$space" "$apus" serve "${local[@]}" 2>"$work/local.log" &
        pids+=("$!")
        for _ in $(seq 200); do
            ! "$apus" status "${local[@]}" >/dev/null 2>&1 || break
            sleep 0.05
        done
        near /backstores/ramdisk create r 16M && near set global auto_add_default_portal=false &&
            near /iscsi create "$local_target" && near "/iscsi/$local_target/tpg1" set attribute generate_node_acls=1 &&
            near "/iscsi/$local_target/tpg1/luns" create /backstores/ramdisk/r &&
            near "/iscsi/$local_target/tpg1/portals" create fe80::1%left
    }
    discovers() { ip netns exec "$space.far" "$apus" initiator discover "iscsi://[fe80::1%$1]:3260"; }
    check "two links with the same address are made" links
    check "a portal is made on a link-local address of one" served
    check "without its interface it is refused" says \
        "apus: fe80::1 is an address on each interface: name the one that is meant, fe80::1%eth0" \
        near "/iscsi/$local_target/tpg1/portals" create fe80::1
    check "an initiator on that link discovers the target there" eval 'discovers left | grep -F "$local_target"'
    check "by the address without our name of the interface" eval \
        'discovers left | grep -F "[fe80::1]:3260" && ! discovers left | grep "%"'
    check "one on the other link does not" eval '! discovers right | grep -F "$local_target"'
    check "the portal goes" near "/iscsi/$local_target/tpg1/portals" delete fe80::1%left 3260
    check "and nobody listens there" eval '! discovers left | grep -F "$local_target"'
fi
finish
