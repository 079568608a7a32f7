#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# libiscsi's conformance suite against every kind of LUN. What does not pass has to stand, with its reason, in
# tools/suite-exceptions, and what stands there has to be so.
#
#     conformance.sh APUS-PROGRAM            test
#     conformance.sh APUS-PROGRAM --write    write docs/conformance.md from this run as well
set -u
source "$(dirname "$0")/tools/library.sh"
needs iscsi-test-cu awk
tools=$(dirname "$0")/tools
document=$(dirname "$0")/../../docs/conformance.md

# lun NAME REGULAR-EXPRESSION ARGUMENTS…: exports a LUN and runs the suite against it, aside; its results are kept as
# NAME's. The LUNs wait side by side: SANITIZE takes its time.
lun() {
    local name=$1 only=$2
    shift 2
    (
        pids=()
        failures=0
        trap 'kill "${pids[@]}" 2>/dev/null' EXIT
        export_target "$@"
        second=
        case $name in
        chap-*) url="iscsi://${name#chap-}%initiator-secret@${url#iscsi://}" ;;
        esac
        [ "$name" != multipath ] || second=$(sed -n 's#^\(iscsi://.*/0\)$#\1#p' "$export_log" | tail -n 1)
        SECOND_URL=$second "$tools/suite" "$url" "$only" | sed "s/^/$name  /" >"$work/results.$name"
        check "$name: ^C ends the export with status 0" end_export
        exit "$failures"
    ) &
    luns+=("$name:$!")
}
luns=()

# All but PreventAllow, StartStopUnit, ReadOnly and MultipathIO, which want a LUN of their own.
ordinary='^([^PSRM]|P[^r]|Pre[^v]|Pr[^e]|S[^t]|R[^e]|Rea[^d]|Read[^O]|Re[^a]|M[^u])'

lun file "$ordinary" "$work/file.img" --size 1G
lun ram "$ordinary" --ram 1G
lun file-4096 "$ordinary" "$work/big.img" --size 1G --block-size 4096
lun thick "$ordinary" "$work/thick.img" --size 1G --thick
lun encrypted "$ordinary" "$work/encrypted.img" --size 1G --encrypt
lun encrypted-ram '^Sanitize\.' --ram 1G --encrypt
lun removable '^(PreventAllow|StartStopUnit)\.' "$work/removable.img" --size 1G --removable
lun multipath '^MultipathIO\.' --ram 1G --portal 127.0.0.1:0
# CHAP, from libiscsi 1.20 on: its tests answer with MD5 whatever the target chooses, and want user names that look like
# binary values.
chap=(--ram 1G --chap-algorithms 5,6,7,8)
lun chap-user '^iSCSICHAP\.(Simple|Invalid|Base64|Base64Oversize)$' "${chap[@]}" --chap user:initiator-secret
lun chap-0xabcd '^iSCSICHAP\.HexName$' "${chap[@]}" --chap 0xabcd:initiator-secret
lun chap-0babcd '^iSCSICHAP\.Base64Name$' "${chap[@]}" --chap 0babcd:initiator-secret
# One that there is already: a file is not made read-only.
truncate --size 1G "$work/read-only.img"
lun read-only '^(ReadOnly|TestUnitReady|Inquiry|ReadCapacity|Read10)' "$work/read-only.img" --read-only
for lun in "${luns[@]}"; do
    wait "${lun#*:}" || failures=$((failures + 1))
    cat "$work/results.${lun%:*}" >>"$work/results"
done

# A test that skips itself on a kind of LUN which it is not for is not for it: `elsewhere`, if it runs on another,
# where a failure has to be explained like any.
awk '
    FNR == 1 { file++ }
    file == 1 {
        if ($0 ~ /^#/ || $3 != "elsewhere") next
        known++
        lun[known] = "^(" $1 ")$"; test[known] = "^(" $2 ")$"
        next
    }
    file == 2 { if ($2 == "pass" || $2 == "fail") runs[$3] = 1; next }
    $2 == "skip" && $3 in runs {
        for (i = 1; i <= known; i++) if ($1 ~ lun[i] && $3 ~ test[i]) { sub(/skip/, "elsewhere"); break }
    }
    { print }
' "$tools/suite-exceptions" "$work/results" "$work/results" >"$work/told"
mv "$work/told" "$work/results"

# Every result beside what is known of it: LUN-pattern TEST-pattern RESULT REASON…
awk '
    NR == FNR {
        if ($0 ~ /^#/ || NF < 4) next
        known++
        lun[known] = "^(" $1 ")$"; test[known] = "^(" $2 ")$"; result[known] = $3; line[known] = $0
        next
    }
    $2 == "pass" { print "ok      " $1 ": " $3; next }
    {
        for (i = 1; i <= known; i++)
            if ($1 ~ lun[i] && $3 ~ test[i] && $2 == result[i]) { used[i] = 1; explained++; next }
        print "FAILED  " $1 ": " $0
    }
    END {
        for (i = 1; i <= known; i++) if (!used[i]) print "FAILED  not so any longer: " line[i]
    }
' "$tools/suite-exceptions" "$work/results" | tee "$work/verdicts"
failures=$((failures + $(grep -c '^FAILED' "$work/verdicts")))
[ "${2:-}" != --write ] || "$tools/suite-document" "$work/results" "$tools/suite-exceptions" >"$document"
finish
