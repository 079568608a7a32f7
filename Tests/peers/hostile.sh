#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Hostile peers against an export: garbage, lies about lengths, peers that stall, that do not read, that come and go.
# The program stays up, serves others meanwhile, keeps its memory below a bound, and forgets who has gone.
# The peers are made of bash's own sockets; iscsi-inq is the honest one beside them.
#
#     hostile.sh APUS-PROGRAM
set -u
source "$(dirname "$0")/tools/library.sh"
needs iscsi-inq iscsi-readcapacity16 awk timeout

# What the program may hold at its peak beyond what it held at its start, in MiB. Every peer below asks for a hundred
# times as much; what it is given is a megabyte or so of pending output and one segment for each connection.
growth_mib=160
connections=1000

target=iqn.2026-11.org.apus:hostile
export_target --ram 256M --target "$target"
host=${portal%:*}
port=${portal##*:}

# --- Bytes

# bytes HEX: the bytes that the digits say.
bytes() {
    local digits=${1//[[:space:]]/}
    printf '%b' "$(sed 's/../\\x&/g' <<<"$digits")"
}

# header OPCODE FLAGS DATA-LENGTH WORD…: a basic header segment, its words 2 to 11 as they are given (8 to 47).
header() {
    local opcode=$1 flags=$2 length=$3 words=
    shift 3
    words=$(printf '%08x' "$@")
    while [ ${#words} -lt 80 ]; do words+=00000000; done
    bytes "$(printf '%s%s000000%06x%s' "$opcode" "$flags" "$length" "$words")"
}

# login NAME KEY=VALUE…: a whole login in one request.
login() {
    local name=$1 pair text= length=0
    shift
    for pair in "InitiatorName=iqn.2026-11.org.example:$name" "$@"; do
        text+="$pair\\0"
        length=$((length + ${#pair} + 1))
    done
    while [ $((length % 4)) -ne 0 ]; do
        text+='\0'
        length=$((length + 1))
    done
    header 43 87 "$length" 0 0 0 0 1
    printf '%b' "$text"
}

normal=("TargetName=$target" SessionType=Normal InitialR2T=No MaxBurstLength=1048576
    MaxRecvDataSegmentLength=1048576)

# open: connects; sets $fd.
open() {
    exec {fd}<>"/dev/tcp/$host/$port"
}

# close DESCRIPTOR
close() {
    local fd=$1
    exec {fd}>&-
}

# repeat TIMES FILE: the file's bytes, over and over.
repeat() {
    local n
    for ((n = 0; n < $1; n++)); do cat "$2"; done
}

# logged_in NAME [KEY=VALUE…]: connects and logs in; sets $fd. Succeeds when the target welcomes it.
logged_in() {
    local answer length
    open || return
    login "$@" >&"$fd"
    answer=$(timeout 10 head -c 48 <&"$fd" | od -An -v -tx1 | tr -d ' \n')
    [ "${answer:0:2}" = 23 ] && [ "${answer:72:4}" = 0000 ] || return
    length=$((16#${answer:10:6}))
    timeout 10 head -c $(((length + 3) / 4 * 4)) <&"$fd" >"$work/keys"
}

# pings: does the session on the descriptor answer a ping?
pings() {
    header 40 80 0 0 0 77 $((16#ffffffff)) 1 >&"$1"
    [ "$(timeout 10 head -c 48 <&"$1" | od -An -v -tx1 | tr -d ' \n' | cut -c1-2,33-40)" = 200000004d ]
}

# --- The program

status_kib() {
    awk -v name="$1:" '$1 == name { print $2 }' "/proc/$export_pid/status"
}

descriptors() {
    find "/proc/$export_pid/fd" -mindepth 1 | wc -l
}

# Who has gone is soon forgotten.
forgets() {
    local _
    for _ in $(seq 100); do
        [ "$(descriptors)" -gt "$1" ] || return 0
        sleep 0.1
    done
    echo "$(descriptors) descriptors; there were $1"
    return 1
}

serves() {
    kill -0 "$export_pid" && timeout 20 iscsi-inq "$url" && timeout 20 iscsi-readcapacity16 "$url"
}

stays_small() {
    local peak=$(($(status_kib VmHWM) / 1024)) limit=$((start_mib + growth_mib))
    echo "$peak MiB at the peak, $start_mib MiB at the start, $limit MiB allowed"
    [ "$peak" -le "$limit" ]
}

# after WHAT: what holds after each kind of peer.
after() {
    check "$1: the program serves others" serves
    check "$1: its memory stays below its start and $growth_mib MiB" stays_small
}

serves >"$work/first" 2>&1
start_mib=$(($(status_kib VmRSS) / 1024))
check "an honest session logs in beforehand" logged_in honest "${normal[@]}"
honest=$fd
check "and another" logged_in honest-too "${normal[@]}"
honest_too=$fd
before=$(descriptors)

# --- Garbage

garbage() {
    local n
    for ((n = 1; n <= 100; n++)); do
        open || return
        head -c $((n * 97)) /dev/urandom >&"$fd" 2>>"$work/garbage.log"
        close "$fd"
    done
}
check "100 peers send garbage instead of a login" garbage
after "garbage"

garbage_after_login() {
    local n
    for ((n = 1; n <= 50; n++)); do
        logged_in "garbage-$n" "${normal[@]}" || return
        head -c $((n * 397)) /dev/urandom >&"$fd" 2>>"$work/garbage.log"
        close "$fd"
    done
}
check "50 peers send garbage after a login" garbage_after_login
after "garbage after a login"

lies() {
    local length
    for length in 8193 262145 16777215; do
        open || return
        header 43 87 "$length" 0 0 0 0 1 >&"$fd"
        # The target closes the connection, without waiting for what was announced.
        timeout 10 cat <&"$fd" >"$work/answer" || return
        close "$fd"
        logged_in "lies-$length" "${normal[@]}" || return
        header 01 a1 16777215 0 0 5 512 1 >&"$fd"
        timeout 10 cat <&"$fd" >"$work/answer" || return
        close "$fd"
    done
}
check "peers that announce more than they may are dropped at once" lies
after "wrong lengths"

# --- Stalling

stalled=()
stall() {
    local n
    for ((n = 1; n <= 50; n++)); do
        if ((n % 2)); then
            open || return
            login "stalled-$n" "${normal[@]}" | head -c $((n * 3)) >&"$fd"
        else
            logged_in "stalled-$n" "${normal[@]}" || return
            { header 01 a1 65536 0 0 5 65536 1 && head -c $((n * 1000)) /dev/zero; } >&"$fd"
        fi
        stalled+=("$fd")
    done
}
check "50 peers stop in mid-PDU" stall
after "stalled peers"

# --- Not reading

# Each asks for 128 reads of 8 MiB, a gigabyte in all, and reads none of it.
readers=()
not_reading() {
    local n tag
    for ((tag = 1; tag <= 128; tag++)); do
        header 01 c1 0 0 0 "$tag" 8388608 "$tag" 0 $((16#28000000)) $((16#00000040))
    done >"$work/reads"
    for ((n = 1; n <= 8; n++)); do
        logged_in "reader-$n" "${normal[@]}" || return
        timeout 20 cat "$work/reads" >&"$fd" || return
        readers+=("$fd")
    done
}
check "8 peers ask for a gigabyte each and read nothing" not_reading
after "peers that do not read"

# Whoever floods the target with questions and takes no answers is soon not listened to: the flood gets stuck, or what
# comes of it is bounded by what the kernel holds.
{ header 40 80 4096 0 0 77 $((16#ffffffff)) 1 && head -c 4096 /dev/zero; } >"$work/ping"
{ header 44 80 16 0 0 77 $((16#ffffffff)) 1 && printf 'SendTargets=All\0'; } >"$work/question"
repeat 64 "$work/ping" >"$work/pings"
repeat 512 "$work/question" >"$work/questions"
floods=()
# flood NAME FILE TIMES KEY=VALUE…
flood() {
    logged_in "flood-$1" "${@:4}" || return
    floods+=("$fd")
    repeat "$3" "$2" >"$work/flood"
    # Whether all of it was taken in this time or not, nobody may have been hurt.
    timeout 3 cat "$work/flood" >&"$fd"
    return 0
}
check "a flood of pings, unread" flood pings "$work/pings" 512 "${normal[@]}"
after "the flood of pings"
check "a flood of questions, unread" flood questions "$work/questions" 512 SessionType=Discovery \
    MaxRecvDataSegmentLength=16777215
after "the flood of questions"

check "an honest session is still there" pings "$honest"

for fd in "${stalled[@]}" "${readers[@]}" "${floods[@]}"; do close "$fd"; done
check "all who have gone are forgotten" forgets "$before"

# --- Coming and going

bytes 43870000 >"$work/passer-by-0"
for n in 1 2 3 4 5 6 7; do
    { login "passer-by-$n" "${normal[@]}" && header 01 c1 0 0 0 5 1048576 1 0 $((16#28000000)) 8; } >"$work/passer-by-$n"
done
come_and_go() {
    local n
    for ((n = 1; n <= connections; n++)); do
        open || return
        # Some say nothing, some begin a login, the others log in, begin a read, and are gone.
        ((n % 9 == 8)) || cat "$work/passer-by-$((n % 9))" >&"$fd"
        close "$fd"
    done
}
check "$connections connections, opened and dropped" come_and_go
after "$connections connections"
check "none of them is left" forgets "$before"
check "an honest session is still there after them" pings "$honest_too"

check "^C ends the export with status 0" end_export
finish
