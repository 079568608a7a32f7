// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension ImageTemplate {
    /// The templates that the program brings. Their files are in Resources and part of its binary, so that an installed
    /// program needs no second place to find them.
    static let builtIn = [Self.iscsiBoot, Self.multipath, Self.sshServer]

    /// In every image.
    static let iscsiBoot = ImageTemplate(
        name: "feature/iscsi-boot",
        description: "The root file system is on an iSCSI disk, which the initramfs attaches.",
        packages: ["open-iscsi", "lsscsi"],
        kernelModules: Self.lines(of: PackageResources.modules),
        initramfsContents: Self.lines(of: PackageResources.contents),
        units: ["iscsid.service", "apus-report.service"],
        files: [
            File(.initramfs, "init-iscsi.sh", PackageResources.init_iscsi_sh, isExecutable: true),
            File(.initramfs, "etc/iscsi/iscsid.conf", PackageResources.iscsid_conf),
            File(.initramfs, "etc/systemd/network/95-iscsi-boot.network", PackageResources._5_iscsi_boot_network),
            File(.initramfs, "etc/systemd/system/iscsi-boot.service", PackageResources.iscsi_boot_service),
            File(
                .initramfs, "etc/systemd/system/systemd-networkd-wait-online.service.d/one-is-enough.conf",
                PackageResources.wait_online_conf),
            File(.initramfs, "etc/systemd/system/emergency.service.d/console.conf", PackageResources.console_conf),
            File(.initramfs, "etc/systemd/system/rescue.service.d/console.conf", PackageResources.console_conf),
            File(.root, "etc/iscsi/iscsid.conf", PackageResources.iscsid_conf),
            File(.root, "etc/systemd/system/iscsid.service", PackageResources.iscsid_service),
            File(.root, "etc/systemd/system/apus-report.service", PackageResources.apus_report_service),
            File(.root, "usr/lib/apus/report", PackageResources.apus_report_sh, isExecutable: true),
            File(.root, "etc/systemd/system.conf.d/stop-soon.conf", PackageResources.stop_soon_conf),
            File(.root, "etc/sysctl.d/quiet-console.conf", PackageResources.quiet_console_conf),
        ], origins: ["the program"])

    /// Used where `iscsi_target_ip=` has several addresses.
    static let multipath = ImageTemplate(
        name: "feature/multipath",
        description: "The root's disk by several networks: one that fails is not missed.",
        packages: ["multipath-tools", "kpartx", "dmsetup"],
        kernelModules: ["! dm_multipath", "dm_service_time", "dm_round_robin", "scsi_dh_alua"],
        initramfsContents: Self.lines(of: PackageResources.multipath_contents),
        units: ["multipathd.service"],
        files: [
            File(.initramfs, "etc/multipath.conf", PackageResources.multipath_conf),
            File(.initramfs, "etc/udev/rules.d/11-dm-keep.rules", PackageResources._1_dm_keep_rules),
            File(.root, "etc/multipath.conf", PackageResources.multipath_conf),
        ], origins: ["the program"])

    /// In every image that is given public keys.
    static let sshServer = ImageTemplate(
        name: "feature/ssh-server",
        description: "An SSH server whose host key each machine makes for itself.",
        packages: ["openssh-server"],
        units: ["ssh-host-keys.service"],
        files: [File(.root, "etc/systemd/system/ssh-host-keys.service", PackageResources.ssh_host_keys_service)],
        origins: ["the program"])

    /// The lines of a list that are neither empty nor comments.
    static func lines(of list: [UInt8]) -> [String] {
        String(decoding: list, as: UTF8.self).split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }
}
