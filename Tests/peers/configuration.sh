#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# A configuration that cannot be lost: fifty shells at once, and a daemon that is killed in the midst of two hundred
# changes. And what backstores' attributes mean to libiscsi's initiator.
set -u
source "$(dirname "$0")/tools/library.sh"
needs python3 curl openssl iscsi-inq iscsi-ls iscsi-readcapacity16 iscsi-test-cu

# Where the shell keeps its preferences.
export HOME=$work
here=(--config "$work/saveconfig.json" --state "$work/state" --socket "$work/socket")
shell() { "$apus" shell "${here[@]}" "$@"; }
answers() { "$apus" status "${here[@]}"; }
serve() {
    "$apus" serve "${here[@]}" "$@" 2>>"$work/daemon.log" &
    daemon=$!
    pids+=("$daemon")
    for _ in $(seq 200); do
        ! answers >/dev/null 2>&1 || return 0
        sleep 0.02
    done
    return 1
}

fifty() {
    local shells=() number
    for number in $(seq 50); do
        shell /backstores/ramdisk create "disk$number" 1M &
        shells+=($!)
    done
    wait "${shells[@]}"
}
all_fifty() {
    python3 - "$work/saveconfig.json" <<'PYTHON'
import json, sys
names = {entry["name"] for entry in json.load(open(sys.argv[1]))["storage_objects"]}
assert names == {f"disk{number}" for number in range(1, 51)}, sorted(names)
PYTHON
}
check "the daemon starts" serve
check "fifty shells at once" fifty
check "lose no change of each other's" all_fifty

# The API over HTTP, to curl: on the socket, and by TCP with TLS and a token.
answered() { # STATUS curl-arguments…
    local status
    status=$(curl --silent --output "$work/answer" --write-out '%{http_code}' "${@:2}")
    [ "$status" = "$1" ] || { echo "answered $status: $(cat "$work/answer")" && return 1; }
}
tag() { curl --silent --dump-header - --output /dev/null --unix-socket "$work/socket" http://apus/v1/configuration |
    tr -d '\r' | sed -n 's/^etag: //Ip'; }
create_disk() { # NAME curl-arguments…
    local change='{"op": "tree", "path": "/backstores/ramdisk", "verb": "create", "positional": ["'$1'", "1M"]}'
    answered "$expected" --unix-socket "$work/socket" --data "{\"change\": $change}" "${@:2}" http://apus/v1/changes
}
if_match() {
    local before
    before=$(tag)
    expected=200 create_disk matched --header "If-Match: $before" &&
        expected=412 create_disk late --header "If-Match: $before" &&
        expected=412 create_disk late --header 'If-Match: "none"' && expected=200 create_disk any --header 'If-Match: *'
}
check "a change is made to the version that If-Match names, or answered with 412" if_match
kill -TERM "$daemon"
wait "$daemon"
secure=$((20000 + RANDOM % 20000))
check "the daemon starts with its API by TCP" serve --api-listen "127.0.0.1:$secure"
authority=$work/state/tls/ca.crt
remote=(--server "https://localhost:$secure" --token-file "$work/state/api.token")
token=$(cat "$work/state/api.token")
check "curl uses it with the authority and the token" answered 200 --cacert "$authority" --oauth2-bearer "$token" \
    "https://localhost:$secure/v1/status"
check "without the token it is told nothing" answered 401 --cacert "$authority" "https://localhost:$secure/v1/status"
check "a wrong token likewise" answered 401 --cacert "$authority" --oauth2-bearer "${token%?}x" \
    "https://127.0.0.1:$secure/metrics"
fingerprint() {
    local told
    told=$(openssl x509 -in "$authority" -noout -fingerprint -sha256 | cut -d= -f2)
    answers | grep -F "$told" && grep -F "$told" "$work/daemon.log"
}
check "the status and the log show the authority's fingerprint" fingerprint
check "the shell uses it" eval '"$apus" shell "${remote[@]}" --ca "$authority" ls /backstores/ramdisk 1 | grep matched'
check "but not without the authority" \
    eval '"$apus" status "${remote[@]}" 2>&1 | grep "its certificate is not trusted"'
check "the secrets are nobody else's" \
    eval '[ "$(stat -c %a "$work/state/api.token" "$work/state/tls/ca.key" | sort -u)" = 600 ]'

# The file of an LIO host, as rtslib writes it, with entries that are broken or not for us.
one=$((20000 + RANDOM % 20000))
two=$((one + 1))
sed "s|@FOLDER@|$work|; s|@ONE@|$one|; s|@TWO@|$two|" "$(dirname "$0")/tools/lio-saveconfig.json" >"$work/lio.json"
truncate -s 32M "$work/root.img"
machine=iqn.2003-01.org.example:machine
root=iscsi://machine%a-long-secret@127.0.0.1:$one/iqn.2003-01.org.linux-iscsi.server.x8664:sn.one/5
restored() { # FILE
    shell restoreconfig "$1" clear_existing=true >"$work/told" 2>&1 && cat "$work/told" || return 1
    local path
    for path in 'storage_objects\[3\].name' 'storage_objects\[4\]' 'storage_objects\[2\].plugin' \
        'node_acls\[1\].mapped_luns\[0\].tpg_lun' 'targets\[1\].tpgs\[0\].luns\[1\].storage_object' \
        'targets\[2\].fabric'; do
        grep -E "^(error|warning): .*$path: .*; " "$work/told" || { echo "nothing is told of $path" && return 1; }
    done
}
sees() { # URL-without-target LUN INITIATOR
    iscsi-ls -i "$3" -s "$1" | tee "$work/seen" | grep "^Lun:$2 .*DIRECT_ACCESS" || { cat "$work/seen" && false; }
}
saved() { # what was in the file of LIO is in ours, value by value
    python3 - "$work/lio.json" "$work/saveconfig.json" <<'PYTHON'
import json, sys

def compare(before, after, path=""):
    if isinstance(before, dict):
        for key, value in before.items():
            # No entries, and no list of them, are the same to rtslib.
            assert isinstance(after, dict) and (key in after or value == []), f"{path}.{key} is lost"
            compare(value, after.get(key, []), f"{path}.{key}")
    elif isinstance(before, list):
        # Entries that cannot be read are kept after those that can.
        assert len(before) == len(after), f"{path}: {len(before)} entries became {len(after)}"
        rest = list(after)
        for index, value in enumerate(before):
            same = [other for other in rest if not fails(value, other)]
            assert same, f"{path}[{index}] is lost or changed: {value}"
            rest.remove(same[0])
    else:
        assert before == after, f"{path}: {before} became {after}"

def fails(before, after):
    try:
        compare(before, after)
    except AssertionError as error:
        return error

compare(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))
PYTHON
}
again() { # what was saved is restored to the same
    cp "$work/saveconfig.json" "$work/first.json" && shell clearconfig confirm=true && restored_again &&
        cmp "$work/first.json" "$work/saveconfig.json"
}
restored_again() { shell restoreconfig "$work/first.json" && shell ls | grep 'sn.two'; }
check "LIO's file is restored, and what cannot be is listed with its reason" restored "$work/lio.json"
check "a target with CHAP shows the mapped LUN to its initiator" \
    sees "iscsi://machine%a-long-secret@127.0.0.1:$one" 5 "$machine"
check "a wrong secret is refused" eval '! iscsi-inq -i "$machine" "${root/a-long-secret/another-secret}"'
check "its serial number is LIO's" eval 'iscsi-inq -i "$machine" -e 1 -c 128 "$root" | grep 9d0a4f0e-2d55-4a3b-8b53'
check "demo mode shows the other target's LUN" sees "iscsi://127.0.0.1:$two" 0 iqn.2003-01.org.example:anybody
check "is_nonrot=0 is a medium that turns" eval 'iscsi-inq -i "$machine" -e 1 -c 177 "$root" | grep "Rotation Rate:0RPM"'
check "what was in LIO's file is in the saved one" saved
check "and the saved one is restored to itself" again
shell clearconfig confirm=true >/dev/null 2>&1

# A full disk: the old file, whole, and a line that says so.
if mkdir "$work/small" && mount -t tmpfs -o size=96k tmpfs "$work/small" 2>/dev/null; then
    small=(--config "$work/small/saveconfig.json" --state "$work/state" --socket "$work/small-socket")
    "$apus" serve "${small[@]}" 2>>"$work/daemon.log" &
    second=$!
    pids+=("$second")
    for _ in $(seq 200); do ! "$apus" status "${small[@]}" >/dev/null 2>&1 || break; sleep 0.02; done
    check "a daemon has its configuration on a small disk" \
        "$apus" shell "${small[@]}" /backstores/ramdisk create first 1M
    before=$(sha256sum <"$work/small/saveconfig.json")
    head -c 65536 /dev/zero >"$work/small/filling"
    python3 -c "import json; print(json.dumps({'storage_objects': [{'plugin': 'ramdisk', 'name': f'disk{i}', 'size': 1 << 20}
        for i in range(400)], 'targets': []}))" >"$work/large.json"
    full() { "$apus" config apply "$work/large.json" "${small[@]}" 2>&1 | grep 'the file system is full; make room'; }
    kept() { [ "$(sha256sum <"$work/small/saveconfig.json")" = "$before" ] && [ ! -e "$work/small/saveconfig.json.new" ]; }
    unchanged() { "$apus" shell "${small[@]}" ls /backstores/ramdisk 1 | tee /dev/stderr | grep 'Storage Objects: 1'; }
    check "on a full disk a change is refused in words" full
    check "and the file that was there is whole" kept
    check "and what ran runs" unchanged
    rm "$work/small/filling"
    check "with room again it is made" "$apus" config apply "$work/large.json" "${small[@]}"
    kill -TERM "$second"
    wait "$second"
    umount "$work/small"
fi

# attribute NAME=VALUE…: a target whose LUN 0 has these attributes, at $url.
port=$((20000 + RANDOM % 20000))
attributes() {
    local name=iqn.2026-11.org.example:attributes
    shell /iscsi delete "$name" >/dev/null 2>&1
    shell /backstores/ramdisk delete told >/dev/null 2>&1
    shell /backstores/ramdisk create told 64M && shell /backstores/ramdisk/told set attribute "$@" &&
        shell /iscsi create "$name" && shell "/iscsi/$name/tpg1" set attribute generate_node_acls=1 demo_mode_write_protect=0 &&
        shell "/iscsi/$name/tpg1/portals" create 127.0.0.1 "$port" &&
        shell "/iscsi/$name/tpg1/luns" create /backstores/ramdisk/told || return 1
    url=iscsi://127.0.0.1:$port/$name/0
}
says() {
    local words=$1
    shift
    "$@" "$url" | tee "$work/said" | grep -E -- "$words" || { cat "$work/said" && false; }
}
# The usual portal may be another program's here.
check "a preference is set" shell set global auto_add_default_portal=false
check "attributes are set" attributes block_size=4096 is_nonrot=0 max_unmap_lba_count=7 emulate_tpu=1
check "block_size is the block's size" says 'Block Length: *4096|4096' iscsi-readcapacity16
check "max_unmap_lba_count is in the Block Limits page" says 'maximum unmap lba count: *7$' iscsi-inq -e 1 -c 176
check "attributes are changed" attributes is_nonrot=1 emulate_tpu=0 emulate_tpws=0
check "without emulate_tpu nothing can be unmapped" says 'LBPME: *0|lbpme: *0' iscsi-readcapacity16
check "attributes are changed again" attributes emulate_3pc=0 emulate_caw=0 emulate_model_alias=0 max_write_same_len=9 \
    optimal_sectors=77 unmap_granularity=16 unmap_granularity_alignment=3 max_unmap_block_desc_count=5
check "emulate_model_alias=0 tells LIO's product" says 'Product:RAMDISK-MCP' iscsi-inq
check "emulate_3pc=0 has no third-party copy page" eval '! says "0x8f" iscsi-inq -e 1 -c 0'
check "emulate_caw=0 is in the Block Limits page" says 'maximum compare and write length: *0$' iscsi-inq -e 1 -c 176
check "max_write_same_len too" says 'maximum write same length: *9$' iscsi-inq -e 1 -c 176
check "optimal_sectors too" says 'optimal transfer length: *77$' iscsi-inq -e 1 -c 176
check "max_unmap_block_desc_count too" says 'maximum unmap block descriptor count: *5$' iscsi-inq -e 1 -c 176
check "unmap_granularity and its alignment too" eval \
    'says "optimal unmap granularity: *16$" iscsi-inq -e 1 -c 176 && grep -E "unmap granularity alignment: *3$" "$work/said"'
# suite TEST: a test of libiscsi's suite against $url; skipped means that the command is not known.
suite() { iscsi-test-cu --dataloss --test "$1" "$url" >"$work/said" 2>&1; grep -v "^$" "$work/said"; }
check "COMPARE AND WRITE and EXTENDED COPY are not known there" eval \
    'suite ALL.CompareAndWrite.Simple | grep -i "not implemented\|SKIPPED" && suite ALL.ExtendedCopy.Simple | grep -i "not \|SKIPPED"'
check "attributes are changed a last time" attributes emulate_pr=0 alua_support=0 emulate_rsoc=0 queue_depth=1
check "PERSISTENT RESERVE IN is not known there" eval \
    'suite ALL.PrinReadKeys.Simple | grep -i "not implemented\|SKIPPED"'
check "a queue of one task answers all the same" eval 'says "Device Type: *DIRECT_ACCESS|DIRECT_ACCESS" iscsi-inq'
check "a size that no block has is refused" eval '! shell /backstores/ramdisk/told set attribute block_size=1000'

# Round N puts a configuration of some number of RAM disks, all named after the round, in the place of the one before,
# and kills the daemon at some moment of it. With others besides, which stay, it is one whose changes go into a journal.
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
rm -rf "$work"/saveconfig.json*
cat >"$work/rounds.py" <<'PYTHON'
import json, os, random, signal, subprocess, sys, time

apus, folder, seed, rounds, others = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
dice = random.Random(seed)
here = ["--config", f"{folder}/saveconfig.json", "--state", f"{folder}/state", "--socket", f"{folder}/socket"]
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

def serve():
    daemon = subprocess.Popen([apus, "serve", *here], **quiet)
    while subprocess.run([apus, "status", *here], **quiet).returncode != 0:
        assert daemon.poll() is None, f"seed {seed}: the daemon did not start from what it was left with"
        time.sleep(0.01)
    return daemon

def present():
    """The round that the file is of; every one of its disks must be there."""
    try:
        if others:
            shown = subprocess.run([apus, "config", "show", *here], stdout=subprocess.PIPE, check=True)
            document = json.loads(shown.stdout)
        else:
            document = json.load(open(f"{folder}/saveconfig.json"))
    except FileNotFoundError:
        return 0
    names = [entry["name"] for entry in document["storage_objects"]]
    assert names[:others] == [f"other{index}" for index in range(others)], f"seed {seed}: {names}"
    names = names[others:]
    if not names:
        return 0
    rounds = {tuple(map(int, name.split("-")[1:3])) for name in names}
    assert len(rounds) == 1, f"seed {seed}: of several rounds: {names}"
    number, count = rounds.pop()
    assert len(names) == count, f"seed {seed}: {len(names)} of {count} disks"
    return number

before, made, journalled, whole = 0, 0, 0, 0
if others:
    with open(f"{folder}/saveconfig.json", "w") as file:
        json.dump({"targets": [], "storage_objects": [
            {"plugin": "ramdisk", "name": f"other{index}", "size": 1 << 20, "nullio": True}
            for index in range(others)]}, file)
for number in range(1, rounds + 1):
    count = dice.randint(1, 40)
    document = {"targets": [], "storage_objects": [
        {"plugin": "ramdisk", "name": f"other{index}", "size": 1 << 20, "nullio": True} for index in range(others)] + [
        {"plugin": "ramdisk", "name": f"disk-{number}-{count}-{index}", "size": 1 << 20} for index in range(count)]}
    with open(f"{folder}/next.json", "w") as file:
        json.dump(document, file)
    daemon = serve()
    begun = time.monotonic()
    client = subprocess.Popen([apus, "config", "apply", f"{folder}/next.json", *here], **quiet)
    if number == 1:
        # How long a change takes here, from its command's start to its end.
        client.wait()
        whole = time.monotonic() - begun
    else:
        time.sleep(whole * dice.uniform(0.2, 1.1))
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    acknowledged = client.wait() == 0
    after = present()
    assert after in (before, number), f"seed {seed}: round {number} left the configuration of round {after}"
    assert after == number or not acknowledged, f"seed {seed}: round {number} was acknowledged and is lost"
    made += after == number
    before = after
    journalled += os.path.exists(f"{folder}/saveconfig.json.journal")
assert 0 < made < rounds, f"seed {seed}: {made} of {rounds} changes were made; the moment was never met"
assert (journalled > 0) == (others > 0), f"seed {seed}: {journalled} of them in the journal"
PYTHON
seed=$RANDOM
check "kill -9 in each of two hundred changes leaves the old or the new configuration (seed $seed)" \
    python3 "$work/rounds.py" "$apus" "$work" "$seed" 200 0
rm -rf "$work"/saveconfig.json*
check "and in each of thirty of a large one (seed $seed)" python3 "$work/rounds.py" "$apus" "$work" "$seed" 30 900
rm -rf "$work"/saveconfig.json*

# Devices: where the kernel gives us one.
if [ -e /dev/loop-control ]; then
    needs losetup mke2fs
    truncate -s 32M "$work/device.img"
    device=$(losetup -f --show "$work/device.img")
    check "the daemon starts again" serve
    check "a block device is served" shell /backstores/block create device "$device"
    check "one at a time: it is opened exclusively" eval '! mke2fs -q "$device"'
    check "and given back" shell /backstores/block delete device
    mke2fs -q "$device" && mkdir "$work/mounted" && mount "$device" "$work/mounted"
    mounted() { shell /backstores/block create device "$device" 2>&1 | grep 'is mounted or otherwise in use'; }
    check "a mounted one is refused in words" mounted
    umount "$work/mounted"
    losetup -d "$device"
fi
finish
