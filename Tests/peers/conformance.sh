#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Runs libiscsi's conformance suite, each test in a process of its own, and prints a line a test:
#
#     pass|skip|fail|hang  SUITE.TEST  the test's own words where it did not pass
#
# usage: conformance.sh URL [REGULAR EXPRESSION of SUITE.TEST]
set -u
url=$1
only=${2:-.}
seconds=${TEST_SECONDS:-60}

iscsi-test-cu --list | sed -n 's/^ALL\.\([^.]*\.[^.]*\)$/\1/p' | grep -E "$only" | while read -r test; do
    words=$(timeout "$seconds" iscsi-test-cu --dataloss --allow-sanitize --normal --test "ALL.$test" "$url" 2>&1)
    status=$?
    # What comes before CUnit's banner is about the suite's own preparations.
    words=$(printf '%s\n' "$words" | sed '0,/CUnit - A unit/d')
    # Every test looks for reservations that another one left; without PERSISTENT RESERVE IN it says so, and goes on.
    case $test in
    Pr*) ;;
    *) words=$(printf '%s\n' "$words" | grep -v 'SKIPPED. PERSISTENT RESERVE IN is not') ;;
    esac
    failed=$(printf '%s\n' "$words" | awk '$1 == "asserts" { print $5 }')
    because=$(printf '%s\n' "$words" | grep -E '\[SKIPPED\]|\[FAILED\]|CU_ASSERT|CU_FAIL' | sort -u | head -3 |
        tr -s ' \n' ' ' | cut -c1-300)
    if [ $status -eq 124 ]; then
        printf 'hang  %s  no end after %s s\n' "$test" "$seconds"
    elif [ "${failed:-1}" != 0 ]; then
        printf 'fail  %s  %s\n' "$test" "$because"
    elif printf '%s\n' "$words" | grep -q '\[SKIPPED\]'; then
        printf 'skip  %s  %s\n' "$test" "$because"
    else
        printf 'pass  %s\n' "$test"
    fi
done
