#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# systemd-socket-activate, which hands over sockets as systemd does for apus.socket: the daemon starts when somebody asks.
set -u
source "$(dirname "$0")/tools/library.sh"
needs systemd-socket-activate curl

# Where the shell keeps its preferences.
export HOME=$work
here=(--config "$work/saveconfig.json" --state "$work/state")
socket=$work/handed-over
# activate SOCKET… -- ARGUMENTS…: listens; the daemon takes its place when the first connection comes.
activate() {
    local listen=()
    while [ "$1" != -- ]; do
        listen+=(--listen="$1")
        shift
    done
    shift
    systemd-socket-activate "${listen[@]}" "$apus" serve "${here[@]}" --socket "$socket" "$@" 2>>"$work/daemon.log" &
    daemon=$!
    pids+=("$daemon")
    for _ in $(seq 600); do
        [ ! -S "$socket" ] || return 0
        sleep 0.1
    done
    return 1
}
stop() { kill -TERM "$daemon" && wait "$daemon"; }
is_daemon() { [ "$(readlink "/proc/$daemon/exe")" = "$apus" ]; }
shell() { "$apus" shell "${here[@]}" --socket "$socket" "$@"; }

check "somebody listens for the daemon" activate "$socket" --
check "which does not run yet" eval '! is_daemon'
check "the first command starts it and is answered" shell /backstores/ramdisk create one 1M
check "it runs now, in that process" is_daemon
check "and serves who comes later" eval 'shell ls /backstores/ramdisk 1 | grep "one "'
check "the log says that the socket was handed over" grep "the API is at .*handed-over, which was handed over" "$work/daemon.log"
check "it stops well" stop
check "the socket stays, for the next start" [ -S "$socket" ]

rm -f "$socket"
port=$((20000 + RANDOM % 20000))
url=https://127.0.0.1:$port
check "somebody listens, by TCP too" activate "$socket" "127.0.0.1:$port" -- --api-listen "127.0.0.1:$port"
# The authority and the token are made when the daemon starts, which this connection makes it do.
answers() { curl --silent --insecure --retry 5 --retry-connrefused --output /dev/null --write-out '%{http_code}' "$url/v1/status"; }
check "a connection by TCP starts it, and is told nothing without the token" eval '[ "$(answers)" = 401 ]'
remote() {
    curl --silent --fail --cacert "$work/state/tls/ca.crt" --oauth2-bearer "$(cat "$work/state/api.token")" "$@"
}
check "with TLS by its authority and the token it answers" eval 'remote "$url/v1/status" | grep "\"version\""'
check "it is known to the shell by TCP" eval \
    '"$apus" shell --server "https://localhost:$port" --token-file "$work/state/api.token" --ca "$work/state/tls/ca.crt" ls /backstores/ramdisk 1 | grep "one "'
check "the Unix socket is served besides" eval 'shell ls /backstores/ramdisk 1 | grep "one "'
check "it stops well with both" stop

rm -f "$socket"
check "somebody listens by TCP, and no option says so" activate "$socket" "127.0.0.1:$port" --
refused() { "$apus" status "${here[@]}" --socket "$socket"; ! wait "$daemon" && grep "name its address with --api-listen" "$work/daemon.log"; }
check "the daemon says what to do, and ends" refused
finish
