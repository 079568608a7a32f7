// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// How far a boot can have come, in order.
package enum Stage: String, Hashable, Sendable, Comparable, Codable, CaseIterable {
    case discover, offer
    case bootFile = "boot-file"
    case script, kernel, initramfs
    case firmwareLogin = "firmware-login"
    case firmwareRead = "firmware-read"
    case bootLoader = "boot-loader"
    case kernelLogin = "kernel-login"
    case kernelRead = "kernel-read"
    case root, up

    package static func < (left: Stage, right: Stage) -> Bool {
        left.order < right.order
    }

    private static let orders = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })

    private var order: Int { Self.orders[self] ?? 0 }

    /// What a timeline calls it.
    package var title: String {
        switch self {
        case .discover: "DHCP discover"
        case .offer: "DHCP offer"
        case .bootFile: "boot file"
        case .script: "boot script"
        case .kernel: "kernel"
        case .initramfs: "initramfs"
        case .firmwareLogin: "firmware login"
        case .firmwareRead: "firmware read"
        case .bootLoader: "boot loader"
        case .kernelLogin: "kernel login"
        case .kernelRead: "kernel read"
        case .root: "root mounted"
        case .up: "up"
        }
    }

    /// The stage that fetching a file of this name belongs to.
    package init(file: String) {
        let name = file.split(separator: "/").last.map { $0.lowercased() } ?? ""
        if name.hasSuffix(".ipxe") || name.hasSuffix(".cfg") {
            self = .script
        } else if name == "linux.efi" {
            // Kernel and initramfs in one.
            self = .initramfs
        } else if name.contains("initrd") || name.contains("initramfs") || name.hasSuffix(".cpio.gz") {
            self = .initramfs
        } else if name.contains("vmlinuz") || name.contains("bzimage") || name == "kernel" {
            self = .kernel
        } else {
            self = .bootFile
        }
    }
}
