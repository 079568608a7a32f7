// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import SystemPackage

/// The outputs of a build of Wind River Linux with the feature `iscsi-boot`, or of another build of Yocto.
package struct DeployFolder: Equatable, Sendable {
    /// Files of the folder that its user names, where it has several of a kind.
    package struct Choice: Sendable {
        package var kernel: String?
        package var initramfs: String?
        package var rootfs: String?

        package init(kernel: String? = nil, initramfs: String? = nil, rootfs: String? = nil) {
            self.kernel = kernel
            self.initramfs = initramfs
            self.rootfs = rootfs
        }
    }

    let path: FilePath
    let kernel: FilePath
    let initramfs: FilePath
    let rootfs: FilePath
    /// The build's own boot loader; without one, this host's GRUB is used.
    let loader: FilePath?

    init(at path: FilePath, choosing chosen: Choice) throws(ImageError) {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path.string).sorted()
        } catch {
            throw ImageError(kind: .notPermitted, message: "cannot read the folder \(path)")
        }
        self.path = path
        func pick(_ choice: String?, _ what: String, option: String, _ patterns: [(String) -> Bool])
            throws(ImageError) -> FilePath
        {
            if let choice { return choice.contains("/") ? FilePath(choice) : path.appending(choice) }
            for pattern in patterns {
                let files = Self.distinct(names.filter(pattern), in: path)
                if files.count == 1 { return path.appending(files[0]) }
                guard files.isEmpty else {
                    throw ImageError(
                        kind: .badRecipe,
                        message: "\(path) has \(files.count) files that may be the \(what): "
                            + "\(files.joined(separator: ", ")); name one with \(option)")
                }
            }
            throw ImageError(
                kind: .badRecipe,
                message:
                    "\(path) has no \(what): is it a build's folder deploy/images/MACHINE? Name the file with \(option)"
            )
        }
        self.kernel = try pick(
            chosen.kernel, "kernel (bzImage)", option: "--kernel-file",
            [
                { $0 == "bzImage" }, { $0.hasPrefix("bzImage") },
            ])
        self.initramfs = try pick(
            chosen.initramfs, "initramfs (wrlinux-image-initramfs-MACHINE.cpio.gz)", option: "--initramfs-file",
            [
                { $0.hasPrefix("wrlinux-image-initramfs-") && Self.isCPIO($0) },
                { $0.contains("initramfs") && Self.isCPIO($0) },
            ])
        self.rootfs = try pick(
            chosen.rootfs, "root file system (wrlinux-image-std-MACHINE.rootfs.tar.bz2)", option: "--rootfs-file",
            [
                { $0.hasPrefix("wrlinux-image-std-") && $0.contains(".rootfs.tar") },
                { $0.contains(".rootfs.tar") }, { $0.contains(".tar") && !$0.contains("modules") },
            ])
        self.loader = ["grub-efi-bootx64.efi", "bootx64.efi"].map { path.appending($0) }.first(where: Files.exists)
        for file in [self.kernel, self.initramfs, self.rootfs] where !Files.isUsable(file.string) {
            throw ImageError(kind: .unknownImage, message: "cannot read \(file)")
        }
    }

    private static func isCPIO(_ name: String) -> Bool {
        name.hasSuffix(".cpio.gz") || name.hasSuffix(".cpio.zst") || name.hasSuffix(".cpio.xz")
            || name.hasSuffix(".cpio")
    }

    /// A build keeps its outputs under names with the time in them, and links that lead to the newest: one file each.
    private static func distinct(_ names: [String], in folder: FilePath) -> [String] {
        let links = names.filter { Files.isLink(folder.appending($0)) }
        return links.isEmpty ? names : links
    }
}
