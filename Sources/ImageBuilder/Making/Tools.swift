// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Subprocess
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The programs of the host that build an image, with the Debian packages they come from.
package enum RequiredTools {
    /// A program in the search path, or a file if it has a slash, with its Debian package.
    typealias Tool = (name: String, package: String)

    /// What puts a disk together.
    static let disk: [Tool] = [
        ("sfdisk", "fdisk"), ("mke2fs", "e2fsprogs"), ("mkfs.vfat", "dosfstools"), ("mmd", "mtools"),
        ("mcopy", "mtools"), ("mshowfat", "mtools"), ("grub-mkimage", "grub-common"),
        (Self.biosBootImage, "grub-pc-bin"), (BootLoader.shim, "shim-signed"),
        (BootLoader.signedGRUB, "grub-efi-amd64-signed"),
    ]
    /// What makes an initramfs of a root's files.
    static let initramfs: [Tool] = [
        ("unshare", "util-linux"), ("cpio", "cpio"), ("zstd", "zstd"), ("depmod", "kmod"),
    ]
    /// What builds an image of packages.
    static let building: [Tool] =
        Self.disk + Self.initramfs + [
            ("mmdebstrap", "mmdebstrap")
        ]
    /// What unpacks a root file system.
    static let archives: [Tool] = [
        ("tar", "tar"), ("gzip", "gzip"), ("bzip2", "bzip2"), ("xz", "xz-utils"), ("zstd", "zstd"),
    ]
    /// What unpacks a container's image.
    static let containers: [Tool] = [("skopeo", "skopeo"), ("umoci", "umoci")]
    /// What reads and writes other formats of disks, and looks into them.
    static let disks: [Tool] = [
        ("qemu-img", "qemu-utils"), ("sfdisk", "fdisk"), ("blkid", "util-linux"), ("debugfs", "e2fsprogs"),
        ("lsinitramfs", "initramfs-tools-core"),
    ]
    /// What looks whether an image is whole.
    static let checking: [Tool] = [
        ("sfdisk", "fdisk"), ("blkid", "util-linux"), ("e2fsck", "e2fsprogs"), ("zstd", "zstd"), ("xz", "xz-utils"),
        ("gzip", "gzip"),
    ]
    static let biosBootImage = "/usr/lib/grub/i386-pc/boot.img"

    /// Those whose versions decide what an image looks like.
    static let versioned = [("mmdebstrap", "--version"), ("grub-mkimage", "--version"), ("mke2fs", "-V")]

    /// Where they are looked for; users other than the superuser often lack the system's folders.
    static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// What those say that decide.
    static func versions(_ tools: Tools) async throws -> [String] {
        var versions: [String] = []
        for (tool, option) in self.versioned {
            versions.append(try await tools.answer(tool, [option], withErrors: true))
        }
        return versions
    }

    /// Looks for what builds an image.
    package static func checkForBuilding() throws(ImageError) {
        try self.check(self.building)
    }

    /// Looks for tools on this host.
    /// - Parameter isThere: Whether a path is a file that may be used.
    static func check(_ tools: [Tool], isThere: (String) -> Bool = Files.isUsable) throws(ImageError) {
        let missing = tools.filter { tool in
            !tool.name.hasPrefix("/")
                ? !self.searchPath.split(separator: ":").contains { isThere("\($0)/\(tool.name)") }
                : !isThere(tool.name)
        }
        guard !missing.isEmpty else { return }
        var packages: [String] = []
        for tool in missing where !packages.contains(tool.package) { packages.append(tool.package) }
        throw ImageError(
            kind: .missingTool,
            message: "not installed: \(missing.map(\.name).joined(separator: ", ")); "
                + "on Debian: apt-get install \(packages.joined(separator: " "))")
    }
}

/// Runs the tools of a build; what they say goes to a file.
struct Tools {
    /// How many of a tool's last lines are shown when it fails.
    private static let lastWordsLines = 15
    /// Of how many bytes of the log those lines are taken.
    private static let lastWordsBytes: Int64 = 16384

    /// Open for reading and appending.
    let log: FileDescriptor
    let logPath: FilePath

    /// Words that make the tool the superuser of a namespace of its own, with its mounts and its processes: when it ends,
    /// or is killed, nothing of it stays.
    static let contained = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]

    /// Runs a tool to its end.
    /// - Parameters:
    ///   - contained: Whether it changes root or mounts something, or starts programs that do.
    ///   - input: What it reads on standard input.
    func run(
        _ command: String, _ arguments: [String], contained: Bool = false, input: String = "",
        environment: [Environment.Key: String] = [:]
    ) async throws {
        let words = (contained ? Self.contained : []) + [command] + arguments
        let start = try self.log.seek(offset: 0, from: .end)
        var updates: [Environment.Key: String?] = ["PATH": RequiredTools.searchPath, "LC_ALL": "C.UTF-8"]
        for (key, value) in environment { updates[key] = value }
        let result = try await Subprocess.run(
            .name(words[0]), arguments: Arguments(Array(words.dropFirst())),
            environment: .inherit.updating(updates), input: .string(input),
            output: .fileDescriptor(self.log, closeAfterSpawningProcess: false), error: .combinedWithOutput)
        // A tool that was killed because the user gave up did not fail.
        try Task.checkCancellation()
        guard !result.terminationStatus.isSuccess else { return }
        let how =
            switch result.terminationStatus {
            case .exited(let status): "status \(status)"
            case .signaled(let signal): "killed by signal \(signal)"
            }
        throw ImageError(
            kind: .stepFailed,
            message: "\(command) failed (\(how)); its last words are above, all of them in \(self.logPath)",
            lastWords: try self.lastWords(since: start))
    }

    /// What a tool says on standard output.
    /// - Parameter withErrors: What it says on standard error, too.
    func answer(_ command: String, _ arguments: [String], withErrors: Bool = false) async throws -> String {
        let words = withErrors ? ["sh", "-c", "exec \"$@\" 2>&1", "sh", command] : [command]
        let result = try await Subprocess.run(
            .name(words[0]), arguments: Arguments(Array(words.dropFirst()) + arguments),
            environment: .inherit.updating(["PATH": RequiredTools.searchPath, "LC_ALL": "C.UTF-8"]),
            output: .string(limit: 16 << 20), error: .discarded)
        return result.standardOutput
    }

    private func lastWords(since start: Int64) throws -> [String] {
        let end = try self.log.seek(offset: 0, from: .end)
        let from = max(start, end - Self.lastWordsBytes)
        var bytes = [UInt8](repeating: 0, count: Int(end - from))
        let count = try unsafe bytes.withUnsafeMutableBytes { buffer in
            try unsafe self.log.read(fromAbsoluteOffset: from, into: buffer)
        }
        let lines = String(decoding: bytes.prefix(count), as: UTF8.self).split(separator: "\n").map(String.init)
        return Array(lines.suffix(Self.lastWordsLines))
    }
}
