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

# run LUN [REGULAR EXPRESSION [SECOND-URL]]: the suite against the last export, its results kept as LUN's.
run() {
    SECOND_URL=${3:-} "$tools/suite" "$url" "${2:-.}" | sed "s/^/$1  /" >>"$work/results"
    check "$1: ^C ends the export with status 0" end_export
}

special='^(PreventAllow|StartStopUnit|ReadOnly|MultipathIO)\.'
ordinary='^([^PSRM]|P[^r]|Pre[^v]|Pr[^e]|S[^t]|R[^e]|Rea[^d]|Read[^O]|Re[^a]|M[^u])'

export_target "$work/file.img" --size 1G
run file "$ordinary"
export_target --ram 1G
run ram "$ordinary"
export_target "$work/big.img" --size 1G --block-size 4096
run file-4096 "$ordinary"
export_target "$work/thick.img" --size 1G --thick
run thick "$ordinary"
export_target "$work/file.img" --removable
run removable '^(PreventAllow|StartStopUnit)\.'
export_target "$work/file.img" --read-only
run read-only '^(ReadOnly|TestUnitReady|Inquiry|ReadCapacity|Read10)'
export_target --ram 1G --portal 127.0.0.1:0
run multipath '^MultipathIO\.' "$(sed -n 's#^\(iscsi://.*/0\)$#\1#p' "$export_log" | tail -n 1)"

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
