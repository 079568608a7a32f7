// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The scripts that make images, and what they read whatever the templates are.
enum BuildFiles {
    struct File {
        var name: String
        var content: [UInt8]
    }

    /// What the steps find in their folder of files.
    static let all = [
        File(name: "adopt-root.sh", content: PackageResources.adopt_root_sh),
        File(name: "assemble-initramfs.sh", content: PackageResources.assemble_initramfs_sh),
        File(name: "configure-root.sh", content: PackageResources.configure_root_sh),
        File(name: "overlay.sh", content: PackageResources.overlay_sh),
    ]

    static func text(_ name: String) -> String {
        guard let file = self.all.first(where: { $0.name == name }) else {
            preconditionFailure("no file \(name) in the program")
        }
        return String(decoding: file.content, as: UTF8.self)
    }
}
