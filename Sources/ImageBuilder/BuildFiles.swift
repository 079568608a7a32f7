// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Our own files that go into images or make them. They are files in Resources, and part of the program's binary, so
/// that an installed program needs no second place to find them.
enum BuildFiles {
    struct File {
        var name: String
        var content: [UInt8]
    }

    /// What the steps find in their folder of files.
    static let all = [
        File(name: "assemble-initramfs.sh", content: PackageResources.assemble_initramfs_sh),
        File(name: "configure-root.sh", content: PackageResources.configure_root_sh),
        File(name: "contents", content: PackageResources.contents),
        File(name: "modules", content: PackageResources.modules),
        File(name: "80-iscsi-boot.network", content: PackageResources._0_iscsi_boot_network),
        File(name: "console.conf", content: PackageResources.console_conf),
        File(name: "init-iscsi.sh", content: PackageResources.init_iscsi_sh),
        File(name: "iscsi-boot.service", content: PackageResources.iscsi_boot_service),
        File(name: "iscsid.conf", content: PackageResources.iscsid_conf),
        File(name: "iscsid.service", content: PackageResources.iscsid_service),
        File(name: "quiet-console.conf", content: PackageResources.quiet_console_conf),
        File(name: "ssh-host-keys.service", content: PackageResources.ssh_host_keys_service),
        File(name: "stop-soon.conf", content: PackageResources.stop_soon_conf),
        File(name: "wait-online.conf", content: PackageResources.wait_online_conf),
    ]

    static func text(_ name: String) -> String {
        guard let file = self.all.first(where: { $0.name == name }) else {
            preconditionFailure("no file \(name) in the program")
        }
        return String(decoding: file.content, as: UTF8.self)
    }
}
