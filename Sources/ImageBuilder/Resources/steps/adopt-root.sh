#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# adopt-root.sh ROOT FILES HOSTNAME ROOT_UUID
#
# Makes the system in ROOT one that lives on an iSCSI disk and that many machines may start from. FILES holds what the
# templates bring; FILES/root-password (a line) and FILES/authorized_keys are there when the image is to have such a login.
set -eu

root=$1 files=$2 hostname=$3 uuid=$4
units=$root/etc/systemd/system
. "$files/overlay.sh"

# What is written here must not follow a link of a foreign system to a file of this host.
for folder in etc etc/iscsi etc/systemd etc/systemd/system etc/systemd/system.conf.d etc/sysctl.d root root/.ssh var \
    var/lib var/lib/dbus; do
    [ ! -L "$root/$folder" ] || { echo "/$folder is a symbolic link in this system" >&2 && exit 1; }
done
for file in etc/hostname etc/machine-id etc/fstab etc/iscsi/iscsid.conf; do
    [ ! -L "$root/$file" ] || rm -f "$root/$file"
done

echo "$hostname" > "$root/etc/hostname"
# Empty, so that every machine makes its own at its first start.
: > "$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id"

# The root is on this disk; other disks that the system knew stay behind, and would be waited for.
touch "$root/etc/fstab"
{
    printf 'UUID=%s / ext4 defaults,errors=remount-ro 0 1\n' "$uuid"
    awk '
        /^[ \t]*(#|$)/ || $2 == "/" { if ($2 != "/") print; next }
        $1 ~ /^(UUID|LABEL|PARTUUID|PARTLABEL)=|^\/dev\// { print "# not on this disk: " $0; next }
        { print }' "$root/etc/fstab"
} > "$root/etc/fstab.new"
cat "$root/etc/fstab.new" > "$root/etc/fstab"
rm -f "$root/etc/fstab.new"

# What the initramfs learnt: the machine's initiator name, the name servers, the interface to leave alone.
mkdir -p "$root/etc/iscsi" "$units"
ln -sf /run/iscsi-boot/initiatorname.iscsi "$root/etc/iscsi/initiatorname.iscsi"
ln -sf /run/iscsi-boot/resolv.conf "$root/etc/resolv.conf"

# What the templates bring. The root's session is kept up and never logged out: the distribution's service would do so at
# shutdown.
rm -f "$units/sysinit.target.wants/open-iscsi.service" "$units/iscsi.service"
ln -sf /dev/null "$units/open-iscsi.service"
lay_over "$files/overlay/root" "$root" "$root"
while read -r unit; do chroot "$root" systemctl --quiet enable "$unit"; done < "$files/units"

# The login.
if [ -e "$files/root-password" ]; then
    sed 's/^/root:/' "$files/root-password" | chroot "$root" chpasswd --crypt-method SHA512
fi
if [ -e "$files/authorized_keys" ]; then
    install -d -m 700 "$root/root/.ssh"
    install -m 600 "$files/authorized_keys" "$root/root/.ssh/authorized_keys"
    rm -f "$root"/etc/ssh/ssh_host_*_key "$root"/etc/ssh/ssh_host_*_key.pub
fi
