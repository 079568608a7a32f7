# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# What the peers' tests share: a line a check, a place for files, an export that ends with the test. Read with `source`.

# The program under test, by its whole path.
apus=$(realpath "${1:?usage: $0 APUS-PROGRAM}")
work=$(mktemp -d)
failures=0
pids=()

cleanup() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# check NAME COMMAND…: one test: does the command succeed?
check() {
    local name=$1
    shift
    if "$@" >"$work/check.log" 2>&1; then
        echo "ok      $name"
    else
        echo "FAILED  $name"
        tail -n 20 "$work/check.log" | cut -c1-300 | sed 's/^/        /'
        failures=$((failures + 1))
    fi
}

finish() {
    [ "$failures" -eq 0 ]
    exit
}

# needs PROGRAM…: a missing peer is a failure, not a skip.
needs() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null && continue
        echo "FAILED  $program is not installed: scripts/setup installs what the tests need"
        exit 1
    done
}

# export_target ARGUMENTS…: serves on a free port of loopback; sets $url (of LUN 0), $target_url, $portal, $export_pid.
export_target() {
    local log="$work/export.$RANDOM.log"
    "$apus" export "$@" --portal 127.0.0.1:0 >"$log" 2>&1 &
    export_pid=$!
    pids+=("$export_pid")
    for _ in $(seq 100); do
        url=$(sed -n 's#^\(iscsi://.*/0\)$#\1#p' "$log" | head -n 1)
        [ -z "$url" ] || break
        kill -0 "$export_pid" 2>/dev/null || break
        sleep 0.1
    done
    if [ -z "$url" ]; then
        echo "FAILED  apus export $* does not serve"
        sed 's/^/        /' "$log"
        exit 1
    fi
    target_url=${url%/0}
    portal=${url#iscsi://}
    portal=${portal%%/*}
    export_log=$log
}

# end_export: ends the last export as ^C does; succeeds when it ended with status 0.
end_export() {
    kill -INT "$export_pid"
    wait "$export_pid"
}
