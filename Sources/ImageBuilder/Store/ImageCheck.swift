// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Subprocess
import SystemPackage

/// Something about an image that is as it should be, or is not.
package struct ImageFinding: Equatable, Sendable {
    package var subject: String
    /// What is wrong; nil where nothing is.
    package var problem: String?
}

extension ImageStore {
    /// The partitions of an image's disk, a line each.
    package func partitions(of name: String) async throws -> [String] {
        try RequiredTools.check([("sfdisk", "fdisk"), ("blkid", "util-linux")])
        let disk = self.folder(of: name).appending(ImageLayout.disk)
        return try await Partition.all(of: disk, Self.silentTools).map { partition in
            let kind = partition.filesystem ?? "no file system"
            let size = ByteSize(bytes: partition.extent.sizeBytes)
            return "\(size) \(kind)\(partition.isEFISystem ? ", EFI System Partition" : "")"
        }
    }

    /// Looks at what can be told without knowing the image: sizes, tables, file systems, the ends of compressed files.
    package func check(_ name: String) async throws -> [ImageFinding] {
        let manifest = try self.existingEntry(name).manifest
        try RequiredTools.check(RequiredTools.checking)
        let folder = self.folder(of: name)
        let disk = folder.appending(ImageLayout.disk)
        let size = try? Files.size(disk)
        var findings = [
            ImageFinding(
                subject: "disk",
                problem: size == manifest.sizeBytes
                    ? nil : "has \(size ?? 0) bytes, the image was made with \(manifest.sizeBytes)")
        ]
        let partitions = try await Partition.all(of: disk, Self.silentTools)
        findings.append(
            ImageFinding(subject: "partitions", problem: partitions.isEmpty ? "there is no table of them" : nil))
        for partition in partitions where partition.filesystem?.hasPrefix("ext") == true {
            let volume = "\(disk)?offset=\(partition.extent.offsetBytes)"
            findings.append(
                ImageFinding(
                    subject: "\(partition.filesystem ?? "") file system",
                    problem: try await Self.problem(said: "e2fsck", ["-f", "-n", volume])))
        }
        findings.append(
            ImageFinding(
                subject: "kernel",
                problem: KernelFile.release(of: folder.appending(ImageLayout.kernel)) == nil
                    ? "\(ImageLayout.kernel) is no kernel" : nil))
        findings.append(try await Self.initramfsFinding(folder.appending(ImageLayout.initramfs)))
        return findings
    }

    private static func initramfsFinding(_ file: FilePath) async throws -> ImageFinding {
        let magic = (try? Files.read(file, at: 0, count: 4)) ?? []
        let tool: String? =
            switch magic {
            case [0x28, 0xb5, 0x2f, 0xfd]: "zstd"
            case [0xfd, 0x37, 0x7a, 0x58]: "xz"
            case _ where magic.starts(with: [0x1f, 0x8b]): "gzip"
            // One that is not compressed, or has something else before it, has no end that could be missing.
            default: nil
            }
        let problem = magic.isEmpty ? "there is none" : nil
        guard let tool else { return ImageFinding(subject: "initramfs", problem: problem) }
        return ImageFinding(subject: "initramfs", problem: try await self.problem(said: tool, ["-t", file.string]))
    }

    /// The last thing a tool says where it does not end well.
    private static func problem(said tool: String, _ arguments: [String]) async throws -> String? {
        let result = try await Subprocess.run(
            .name(tool), arguments: Arguments(arguments),
            environment: .inherit.updating(["PATH": RequiredTools.searchPath, "LC_ALL": "C.UTF-8"]),
            output: .string(limit: 1 << 20), error: .combinedWithOutput)
        guard !result.terminationStatus.isSuccess else { return nil }
        let words = result.standardOutput.split(separator: "\n").last.map(String.init)
        return "\(tool) says: \(words ?? "nothing")"
    }

    /// For questions alone, which are written nowhere.
    private static var silentTools: Tools { Tools(log: .standardError, logPath: "standard error") }
}
