#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# dpkg, rpm and systemd: the packages, and what they do to a Debian 12 that has nothing else on it: installed, used as
# the unit uses it, upgraded, removed, purged.
set -u
source "$(dirname "$0")/tools/library.sh"
needs mmdebstrap dpkg-deb dpkg-shlibdeps rpmbuild rpm setpriv systemd-analyze
[ "$(id -u)" -eq 0 ] || {
    echo "FAILED  a root file system of another Debian needs root"
    exit 1
}
cd "$(dirname "$0")/../.."

root=$work/root
bare() {
    mmdebstrap --quiet --variant=minbase --include=systemd,util-linux bookworm "$root" &&
        mount -t proc proc "$root/proc" && inside apt-get update -qq
}
leave() {
    umount "$root/proc" 2>/dev/null
    cleanup
}
trap leave EXIT
inside() { chroot "$root" "$@"; }
own() { [ "$(inside stat -c '%U:%G %a' "$1")" = "$2" ]; }

check "the packages are made" make -s package
deb=$(ls .build/packages/apus_*.deb)
rpm=$(ls .build/packages/apus-*.rpm)
listed() { sed 's|zsh/vendor-completions|zsh/site-functions|' | grep -v '/$' | sort; }
same_files() { diff <(dpkg-deb -c "$deb" | awk '{print substr($6, 2)}' | listed) <(rpm -qpl "$rpm" | listed); }
check "both have the same files" same_files
check "a Debian with nothing else on it" bare

install_package() {
    cp "$1" "$root/apus.deb"
    inside env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends /apus.deb
}
check "the .deb installs" install_package "$deb"
check "the program runs" inside apus --version
check "its user owns its folders" eval \
    'own /etc/apus "apus:apus 750" && own /var/lib/apus/images "apus:apus 2750" && own /run/apus "apus:apus 755"'
verified() { ! inside systemd-analyze verify "/usr/lib/systemd/system/$1" 2>&1 | grep -v "Command 'man "; }
check "systemd takes the unit" verified apus.service
check "and that of the socket" verified apus.socket
check "the unit is hardened" inside systemd-analyze security --offline=true --threshold=25 \
    /usr/lib/systemd/system/apus.service
check "a manual page for each command" eval \
    'inside gzip -t -r /usr/share/man/man1 && [ "$(ls "$root"/usr/share/man/man1/apus*.gz | wc -l)" -gt 20 ]'
check "completions that bash can read" inside bash -n /usr/share/bash-completion/completions/apus

# The user, the groups and the capabilities of the unit; its sandbox needs systemd as process 1.
serve() {
    local capabilities=+net_bind_service,+net_raw
    chroot "$root" setpriv --reuid apus --regid apus --init-groups --bounding-set "-all,$capabilities" \
        --inh-caps "-all,$capabilities" --ambient-caps "-all,$capabilities" --no-new-privs \
        apus serve --log-format journal 2>"$work/serve.log" &
    daemon=$!
    pids+=("$daemon")
    for _ in $(seq 100); do
        ! inside apus status >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    cat "$work/serve.log"
    return 1
}
stop() { kill -TERM "$daemon" && wait "$daemon"; }
shows() { inside apus shell ls /backstores | grep -F -- "$1"; }
check "the daemon serves as the unit's user" serve
check "its socket is its group's" own /run/apus/control.sock "apus:apus 660"
check "root changes what it serves" inside apus shell /backstores/ramdisk create one 1M
check "it stops well" stop
check "root changes the file while no daemon runs" inside apus shell /backstores/ramdisk create two 1M
check "which the daemon may still read" serve
check "with both changes" eval 'shows one && shows two'
check "it stops again" stop

newer() {
    dpkg-deb -R "$deb" "$work/newer" && sed -i 's/^Version: .*/&+1/' "$work/newer/DEBIAN/control" &&
        dpkg-deb --root-owner-group -b "$work/newer" "$work/newer.deb" && install_package "$work/newer.deb"
}
check "a newer one takes its place" newer
check "and keeps the configuration" grep -q '"two"' "$root/etc/apus/saveconfig.json"
touch "$root/var/lib/apus/images/kept"
check "it is removed" inside dpkg --remove apus
check "without a trace of the program, with the configuration" eval \
    '[ ! -e "$root/usr/bin/apus" ] && [ ! -e "$root/usr/lib/systemd/system/apus.service" ] &&
     [ -e "$root/etc/apus/saveconfig.json" ]'
check "it is purged" inside dpkg --purge apus
check "with the configuration, without the disks" eval \
    '[ ! -e "$root/etc/apus" ] && [ -e "$root/var/lib/apus/images/kept" ]'
finish
