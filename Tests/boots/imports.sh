#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the Apus authors
#
# Images that are made of what others built: a Wind River Linux build's folder, booted by its three methods; root file
# systems in archives, folders and containers; disks. The sources are made of the demo's image.
#
# usage: imports.sh APUS-PROGRAM
set -u
source "$(dirname "$0")/../peers/tools/library.sh"
source "$(dirname "$0")/tools/machine.sh"
needs qemu-system-x86_64 mmdebstrap debugfs sfdisk mdir skopeo umoci qemu-img lsinitramfs bzip2 python3
fixtures=$(realpath "$(dirname "$0")/fixtures")
demo_image
golden=$images/images/demo
store=$work/state/images
image=("$apus" image)
there=(--state "$work/state")

# root_of IMAGE COMMAND: what debugfs answers of an image's root.
root_of() {
    debugfs -R "$2" "$store/$1/disk.img?offset=136314880" 2>/dev/null
}

# root_has IMAGE COMMAND TEXT: does the answer contain it?
root_has() {
    root_of "$1" "$2" | tee /dev/stderr | grep -qE -- "$3"
}

refuses() {
    local text=$1
    shift
    ! "$@" >"$work/said" 2>&1 && said "$text"
}

# A Wind River Linux build.
deploy=$work/deploy/images/intel-x86-64
check "a build's folder is made" "$fixtures/deploy-folder.sh" "$golden" "$deploy"
check "it is imported" "${image[@]}" import wr "$deploy" "${there[@]}"
check "its first partition is an EFI System Partition, its second holds Linux" bash -c "
    sfdisk --json '$store/wr/disk.img' | tr -d ' \",' | grep -E '^type:' | tail -n +1 | paste -sd, |
        grep -q '^type:C12A7328-F81F-11D2-BA4B-00A0C93EC93B,type:0FC63DAF-8483-4772-8E79-3D69D8477DE4'"
check "loader, menu, kernel and initramfs have the names of the build" bash -c "
    names=\$(mdir -i '$store/wr/disk.img@@2M' -/ -b ::)
    for name in EFI/BOOT/bootx64.efi EFI/BOOT/grub.cfg bzImage wrlinux-image-initramfs-intel-x86-64.cpio.gz; do
        grep -qxF \"::/\$name\" <<<\"\$names\" || exit 1
    done"
check "the root is as it was built" root_has wr "cat /etc/fstab" '^/dev/root / auto'
check "importing it again changes nothing" bash -c "'$apus' image import wr '$deploy' --state '$work/state' | grep -q 'not made again'"
check "a machine of it is added" "$apus" client add wrbox --mac 52:54:00:77:72:01 --image wr \
    --kernel-arguments apus.mark=1 "${files[@]}"
machine=wrbox
check "by iPXE from its LUN it boots to the login prompt" boot "findmnt -n -o SOURCE /; cat /proc/cmdline" \
    --firmware uefi --method sanboot
check "its root is the second partition of its first disk" said /dev/sda2
check "its kernel was told what is right for this machine" said "iscsi_target_name=iqn.2026-11.org.apus:wrbox apus.mark=1"
check "by iPXE with kernel and initramfs over HTTP it boots too" starts login --firmware bios --method kernel
check "by the firmware's own initiator as well" starts login --firmware uefi --method firmware
check "an image in use is not renamed" refuses "is what wrbox boots" "${image[@]}" rename wr other "${there[@]}" \
    --config "$work/saveconfig.json"
check "nor removed" refuses "is what wrbox boots" "${image[@]}" remove wr "${there[@]}" \
    --config "$work/saveconfig.json" --socket "$work/control.sock"

# Root file systems.
root=$work/root
check "a root file system is made" "$fixtures/root-folder.sh" "$golden" "$root"
check "it is packed" tar --create --zstd --xattrs --xattrs-include='*' --numeric-owner --sparse -C "$root" \
    -f "$work/root.tar.zst" .
check "an archive is imported" "${image[@]}" import lab "$work/root.tar.zst" --hostname lab --root-password apus "${there[@]}"
for name in owned linked; do
    check "$name keeps its owner, mode and second name" bash -c "
        $(declare -f root_of); store='$store'
        root_of lab 'stat /root/$name' | tr -s ' \n' ' ' | grep -qE 'Mode: 0?6751 .*User: 1234 Group: 5678 .*Links: 2'"
done
check "a device is one" root_has lab "stat /root/device" 'Type: character special'
check "a capability is kept" root_has lab "ea_list /root/owned" 'security.capability'
check "an extended attribute is kept" root_has lab "ea_list /root/owned" 'user.apus.*kept'
check "holes are kept" root_has lab "stat /root/sparse" 'Blockcount: (0|8)$'
check "the disk of another machine is not waited for" root_has lab "cat /etc/fstab" '^# not on this disk: UUID=0000-1111'
check "what is no disk is mounted" root_has lab "cat /etc/fstab" '^tmpfs /scratch'
check "a machine of it is added" "$apus" client add labbox --mac 52:54:00:6c:61:62 --image lab "${files[@]}"
machine=labbox
check "it boots to the login prompt" boot "hostname; findmnt -n -o FSTYPE /" --firmware bios --method sanboot
check "with the host name that was asked for" said lab
check "a folder is imported" "${image[@]}" import folder "$root" "${there[@]}"
check "with the same files" root_has folder "stat /root/owned" 'User:  1234   Group:  5678'

# The other compressions, each with a tree that is complete but for its kernel: what is told missing was looked for in it.
mkdir -p "$work/small-root/etc" "$work/small-root/usr"
for way in gzip:gz bzip2:bz2 xz:xz zstd:zst; do
    tar --create --${way%:*} -C "$work/small-root" -f "$work/small-root.tar.${way#*:}" .
    check "an archive by ${way%:*} is unpacked and looked into" refuses "a kernel with its modules (linux-image-amd64)" \
        "${image[@]}" import small "$work/small-root.tar.${way#*:}" "${there[@]}"
done

# Containers.
container() {
    umoci init --layout "$work/oci" && umoci new --image "$work/oci:tag" &&
        umoci unpack --image "$work/oci:tag" "$work/bundle" && cp -a "$root/." "$work/bundle/rootfs/" &&
        umoci repack --refresh-bundle --image "$work/oci:tag" "$work/bundle" && rm "$work/bundle/rootfs/etc/motd" &&
        echo two >"$work/bundle/rootfs/etc/two" && umoci repack --image "$work/oci:tag" "$work/bundle"
}
check "a container of two layers is made" container
check "an OCI layout is imported" "${image[@]}" import oci "$work/oci" "${there[@]}"
check "what the second layer took away is gone" bash -c "! debugfs -R 'stat /etc/motd' '$store/oci/disk.img?offset=136314880' 2>/dev/null | grep -q Inode"
check "what it brought is there" root_has oci "cat /etc/two" two
check "docker's archive of it is made" skopeo copy --insecure-policy --quiet "oci:$work/oci:tag" \
    "docker-archive:$work/docker.tar:lab:latest"
check "it is imported" "${image[@]}" import docker "$work/docker.tar" "${there[@]}"
check "with both layers" root_has docker "cat /etc/two" two
rm -rf "$work/bundle" "$work/oci" "$work/docker.tar" "$store/oci" "$store/docker" "$store/folder"
mkdir -p "$work/empty/etc" "$work/empty/usr"
check "a system without a kernel is refused, with what it lacks" refuses "a kernel with its modules (linux-image-amd64)" \
    "${image[@]}" import empty "$work/empty" "${there[@]}"

# Disks.
for format in raw qcow2 vhdx; do
    check "an image is written as $format" "${image[@]}" export lab --format $format -o "$work/lab.$format" "${there[@]}"
    check "the $format file has the same blocks" qemu-img compare -F $format -f raw "$store/lab/disk.img" "$work/lab.$format"
done
check "a file that is there is not overwritten" refuses "is there already" \
    "${image[@]}" export lab -o "$work/lab.raw" "${there[@]}"
check "a qcow2 disk is imported, larger" "${image[@]}" import disk "$work/lab.qcow2" --size 5G "${there[@]}"
check "it boots by kernel arguments and by iBFT" bash -c "'$apus' image info disk --state '$work/state' |
    grep -q 'attached by  kernel arguments, the firmware'"
check "an image is renamed" "${image[@]}" rename disk platter "${there[@]}" --config "$work/saveconfig.json"
check "and is found under its new name" "${image[@]}" info platter "${there[@]}"
debugfs -w -R "rm /usr/sbin/iscsid" "$work/lab.raw?offset=136314880" >/dev/null 2>&1
check "a disk without open-iscsi is refused" refuses "missing: open-iscsi in the root" \
    "${image[@]}" import gap "$work/lab.raw" "${there[@]}"
check "unless its gaps are accepted" "${image[@]}" import gap "$work/lab.raw" --accept-gaps "${there[@]}"

# What is told of an image, and of one that is not whole any more.
check "an image's partitions are shown" bash -c "'$apus' image info lab --state '$work/state' | grep -q 'partition 2 .*ext4'"
check "a whole image is found to be so" "${image[@]}" info lab --check "${there[@]}"
cp "$store/lab/initrd.img" "$work/initrd.img"
truncate --size=-1M "$store/lab/initrd.img"
check "an initramfs that has lost its end is found" refuses "check: initramfs" "${image[@]}" info lab --check "${there[@]}"
cp "$work/initrd.img" "$store/lab/initrd.img"
truncate --size=-512M "$store/lab/disk.img"
check "a disk that has lost its end is found" refuses "is damaged: build or import it anew" \
    "${image[@]}" info lab --check "${there[@]}"
rm -f "$work/state/disks/labbox.img" "$work/state/disks/labbox.img.origin"
check "no machine starts from it, and it is told why" refuses "its manifest says" \
    "$apus" boot labbox --firmware bios --method sanboot --timeout 60 "${files[@]}"

# What goes wrong.
head -c 20000000 "$work/root.tar.zst" >"$work/torn.tar.zst"
check "an archive that is torn is refused, and nothing stays" refuses "tar failed" \
    "${image[@]}" import torn "$work/torn.tar.zst" "${there[@]}"
check "no trace of it is listed" bash -c "! ls -A '$store' | grep -q 'torn\$\|building'"
full() {
    mkdir -p "$work/small"
    ! unshare --mount sh -c 'mount -t tmpfs -o size=64m none "$1" && exec "$2" image import full "$3" --state "$1"' sh \
        "$work/small" "$apus" "$work/root.tar.zst" >"$work/said" 2>&1 && said "make room or use another --state folder"
}
check "a full disk is told before anything is done" full
finish
