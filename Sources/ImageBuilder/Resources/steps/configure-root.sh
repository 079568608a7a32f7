#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# configure-root.sh ROOT FILES HOSTNAME ROOT_UUID
#
# Makes the system in ROOT one that lives on an iSCSI disk and that many machines may start from. FILES holds our own
# files; FILES/root-password (a line) and FILES/authorized_keys are there when the image is to have such a login.
set -eu

root=$1 files=$2 hostname=$3 uuid=$4
units=$root/etc/systemd/system

mask() {
    for unit; do ln -sf /dev/null "$units/$unit"; done
}

enable() {
    mkdir -p "$units/$2.wants"
    ln -sf "../$1" "$units/$2.wants/$1"
}

echo "$hostname" > "$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n' "$hostname" > "$root/etc/hosts"
printf 'UUID=%s / ext4 defaults,errors=remount-ro 0 1\n' "$uuid" > "$root/etc/fstab"
# Empty, so that every machine makes its own at its first start.
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"

# What the initramfs learnt: the machine's initiator name, the name servers, the interface to leave alone.
mkdir -p "$root/etc/iscsi"
ln -sf /run/iscsi-boot/initiatorname.iscsi "$root/etc/iscsi/initiatorname.iscsi"
ln -sf /run/iscsi-boot/resolv.conf "$root/etc/resolv.conf"
install -m 644 "$files/iscsid.conf" "$root/etc/iscsi/iscsid.conf"

# The root's session is kept up and never logged out: the distribution's service would do so at shutdown.
install -m 644 "$files/iscsid.service" "$units/iscsid.service"
enable iscsid.service sysinit.target
rm -f "$units/sysinit.target.wants/open-iscsi.service" "$units/iscsi.service"
mask open-iscsi.service
install -D -m 644 "$files/stop-soon.conf" "$root/etc/systemd/system.conf.d/stop-soon.conf"
install -D -m 644 "$files/quiet-console.conf" "$root/etc/sysctl.d/quiet-console.conf"

# What a machine on a network disk does not need and that costs seconds of every start.
mask systemd-udev-settle.service systemd-pstore.service e2scrub_reap.service e2scrub_all.timer apt-daily.timer \
    apt-daily-upgrade.timer dpkg-db-backup.timer getty-static.service
ln -sf /lib/systemd/system/multi-user.target "$units/default.target"

# The login.
if [ -e "$files/root-password" ]; then
    sed 's/^/root:/' "$files/root-password" | chroot "$root" chpasswd --crypt-method SHA512
fi
if [ -e "$files/authorized_keys" ]; then
    install -d -m 700 "$root/root/.ssh"
    install -m 600 "$files/authorized_keys" "$root/root/.ssh/authorized_keys"
    rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
    install -m 644 "$files/ssh-host-keys.service" "$units/ssh-host-keys.service"
    enable ssh-host-keys.service ssh.service
fi

rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/tmp/* "$root"/var/tmp/* "$root"/run/*
