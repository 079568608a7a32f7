#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# configure-root.sh ROOT FILES HOSTNAME ROOT_UUID
#
# Makes a system fresh from its packages ready for its first start, after adopt-root.sh, which is given the same.
set -eu

root=$1 files=$2 hostname=$3
sh "$files/adopt-root.sh" "$@"
units=$root/etc/systemd/system

mask() {
    for unit; do ln -sf /dev/null "$units/$unit"; done
}

printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n' "$hostname" > "$root/etc/hosts"

# What a machine on a network disk does not need and that costs seconds of every start.
mask systemd-udev-settle.service systemd-pstore.service e2scrub_reap.service e2scrub_all.timer apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer getty-static.service
ln -sf /lib/systemd/system/multi-user.target "$units/default.target"

# While the image was made dpkg did not wait for the disk; on a machine it does.
rm -f "$root/etc/dpkg/dpkg.cfg.d/99mmdebstrap"

rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/tmp/* "$root"/var/tmp/* "$root"/run/*
