// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import SystemPackage

/// The initramfs that is made of a root file system's own programs.
enum RootInitramfs {
    /// A kernel that a root has, with its modules.
    struct Kernel: Equatable {
        var release: String
        var file: FilePath
    }

    /// The kernels of a root, the oldest first: as Debian has them in /boot, or beside their modules.
    static func kernels(in root: FilePath) -> [Kernel] {
        let modules = root.appending("usr/lib/modules")
        let releases = (try? FileManager.default.contentsOfDirectory(atPath: modules.string)) ?? []
        return releases.sorted(by: KernelFile.isOlder).compactMap { release in
            [
                root.appending("boot/vmlinuz-\(release)"), root.appending("boot/bzImage-\(release)"),
                modules.appending(release).appending("vmlinuz"),
            ].first(where: Files.exists).map { Kernel(release: release, file: $0) }
        }
    }

    static func make(release: String, in place: ImageMaking.Place) async throws {
        try await place.tools.run(
            "sh",
            [
                place.files.appending("assemble-initramfs.sh").string, place.root.string, release, place.files.string,
                place.stage.string, place.initramfs.string,
            ], contained: true)
    }
}
