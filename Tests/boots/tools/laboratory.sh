# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# A machine without a disk on networks of the test's own, for what `apus boot` does not do: cards on several networks,
# links that are cut, a daemon that is killed under a machine that goes on. Commands are run in it by ssh. Read with
# `source` before anything else; it needs the name of the test and its arguments. The image is made of three templates:
# the program's own, one file of the user's laid over it, and multipath.

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
images=$(realpath "$here/../../..")/.build/demo
key=$images/drill.key
if [ "${APUS_BOOTS_INSIDE:-}" != yes ]; then
    # Out here is the network that the image's packages come from.
    mkdir -p "$images"
    [ -e "$key" ] || ssh-keygen -q -t ed25519 -N '' -C drill -f "$key"
    # Users change one file of a template by a folder of its name.
    own=$images/templates/feature/iscsi-boot/initramfs/init-iscsi.sh
    copy=$(mktemp -d)
    "$1" template copy feature/iscsi-boot "$copy/template" --state "$copy" >/dev/null
    mkdir -p "${own%/*}"
    sed '1a echo "iscsi-boot: this is a script of the user"' "$copy/template/initramfs/init-iscsi.sh" >"$own"
    chmod +x "$own"
    rm -rf "$copy"
    "$1" image build drill --suite bookworm --ssh-key "$key.pub" --packages fio --state "$images" \
        --template feature/iscsi-boot --template feature/multipath >"$images/drill.log" 2>&1 || {
        echo "FAILED  the image of the drills is built"
        tail -n 20 "$images/drill.log" | sed 's/^/        /'
        exit 1
    }
    export APUS_BOOTS_INSIDE=yes
    exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi
source "$here/../../peers/tools/library.sh"
needs qemu-system-x86_64 ip ssh e2fsck sfdisk python3
files=(--config "$work/saveconfig.json" --state "$work/state" --socket "$work/control.sock")
mkdir -p "$work/state/images"
ln -sfn "$images/images/drill" "$work/state/images/drill"
disk=$work/state/disks/drill.img

# Two networks; the second has IPv6, the first a VLAN.
mount -t tmpfs tmpfs /run
ip link set lo up
for lan in 0 1; do
    ip link add "lan$lan" type bridge forward_delay 0 stp_state 0
    ip address add "10.7$((7 + lan)).0.1/24" dev "lan$lan"
    ip tuntap add "tap$lan" mode tap
    ip link set "tap$lan" master "lan$lan" up
    ip link set "lan$lan" up
done
ip address add fd78::1/64 dev lan1 nodad
python3 "$here/vlan.py" 30 host30 trunk30 &
pids+=($!)
until ip link show trunk30 >/dev/null 2>&1; do sleep 0.1; done
ip address add 10.79.0.1/24 dev host30
ip link set host30 up
ip link set trunk30 master lan0 up

serve() {
    "$apus" serve "${files[@]}" --log-format text >>"$work/serve.log" 2>&1 &
    daemon=$!
    for _ in $(seq 100); do
        "$apus" status "${files[@]}" >/dev/null 2>&1 && return
        sleep 0.1
    done
    return 1
}

# machine OPTIONS…: switches it on, with a card on each network; sets $machine.
machine() {
    console=$work/console
    : >"$console"
    qemu-system-x86_64 -nodefaults -no-user-config -display none -machine pc,graphics=off -accel tcg -m 1024 \
        -netdev tap,id=n0,ifname=tap0,script=no,downscript=no \
        -device virtio-net-pci,netdev=n0,bootindex=1,mac=52:54:00:64:72:01 \
        -netdev tap,id=n1,ifname=tap1,script=no,downscript=no \
        -device virtio-net-pci,netdev=n1,mac=52:54:00:64:72:02 \
        -serial "file:$console" "$@" >"$work/qemu.log" 2>&1 &
    machine=$!
    pids+=("$machine")
}

# soon SECONDS COMMAND…: does the command succeed before long?
soon() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 1
    done
}

# guest COMMAND: runs it in the machine, whose address is $address.
guest() {
    timeout 120 ssh -q -i "$key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes \
        -o ConnectTimeout=30 "root@$address" "$@"
}

# guest_says PATTERN COMMAND: does what the command says match?
guest_says() {
    guest "$2" 2>&1 | tee /dev/stderr | grep -qE -- "$1"
}

# is_up: does the machine let one in, and has its system come up?
is_up() { guest true; }

has_ended() { ! kill -0 "$machine" 2>/dev/null; }

# on_console TEXT: has the machine written it?
on_console() {
    tail -n 5 "$console"
    grep -qF -- "$1" "$console"
}

# fio_begins SECONDS: load on the root file system that notices every wrong block.
fio_begins() {
    guest "mkdir -p /root/fio; systemctl reset-failed 2>/dev/null; systemd-run -q --unit=drill --property=Type=exec \
        -- fio --output=/run/drill.log --directory=/root/fio --size=32M --time_based --runtime=$1 \
        --verify=crc32c --verify_backlog=64 --verify_fatal=1 \
        --name=direct --rw=randrw --bs=16k --ioengine=libaio --direct=1 --iodepth=8 \
        --name=synced --rw=randwrite --bs=4k --fsync=8"
}

fio_ended() { ! guest "systemctl is-active -q drill"; }
fio_was_right() { guest_says '^success$' "systemctl show -P Result drill; cat /run/drill.log"; }
written() { guest "awk '{ print \$7 }' /sys/block/sda/stat"; }

# writes_again: does the disk take more than it had taken?
writes_again() {
    local before after
    before=$(written) && sleep 2 && after=$(written) && [ "$after" -gt "$before" ]
}

file_system_is_clean() {
    local start size
    read -r start size < <(sfdisk --json "$disk" | tr -d ' ",' | awk -F: '
        /^start:/ { start = $2 } /^size:/ { size = $2 } /^name:root/ { print start, size }')
    dd if="$disk" of="$work/root.img" bs=512 skip="$start" count="$size" conv=sparse status=none
    e2fsck -fn "$work/root.img"
}
