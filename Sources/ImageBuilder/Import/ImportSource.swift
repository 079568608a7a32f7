// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import Subprocess
package import SystemPackage

/// What an image can be made of, besides packages.
package enum ImportSource: Equatable, Sendable {
    /// What a build of Wind River Linux, or of Yocto, leaves in `deploy/images/MACHINE`.
    case deployFolder(DeployFolder)
    /// A root file system in a tar archive, compressed in any way that tar(1) knows.
    case tarball(FilePath)
    /// A root file system in a folder.
    case folder(FilePath)
    /// A container's image: skopeo(1) calls it by this name.
    case container(reference: String, file: FilePath)
    /// A whole disk that boots already, in a format that qemu-img(1) knows.
    case disk(FilePath, format: String)

    /// The files that decide what comes of it.
    var files: [FilePath] {
        switch self {
        case .deployFolder(let folder):
            [folder.kernel, folder.initramfs, folder.rootfs, folder.loader].compactMap(\.self)
        case .tarball(let file), .folder(let file), .container(_, let file), .disk(let file, _): [file]
        }
    }

    /// In a few words, for the progress and for `apus image info`.
    package var description: String {
        switch self {
        case .deployFolder(let folder): "the build in \(folder.path)"
        case .tarball(let file): "the root file system in \(file)"
        case .folder(let file): "the root file system in the folder \(file)"
        case .container(_, let file): "the container image in \(file)"
        case .disk(let file, let format): "the \(format) disk in \(file)"
        }
    }
}

// MARK: - Telling what a path is

extension ImportSource {
    /// - Parameter chosen: What the user named where a folder has several files of a kind.
    package static func recognize(_ path: FilePath, choosing chosen: DeployFolder.Choice) async throws -> ImportSource {
        let path = Files.absolute(path)
        guard Files.exists(path) else {
            throw ImageError(kind: .unknownImage, message: "there is no \(path)")
        }
        if Files.isFolder(path) { return try self.recognizeFolder(path, choosing: chosen) }
        let name = path.lastComponent?.string ?? ""
        if self.isTarName(name) {
            return try await self.containerReference(ofArchive: path).map { .container(reference: $0, file: path) }
                ?? .tarball(path)
        }
        guard let format = try await DiskFormat.of(path) else {
            throw ImageError(
                kind: .badRecipe,
                message: "\(path) is nothing that an image can be made of: give a build's deploy/images folder, a root "
                    + "file system (folder or .tar, also .gz, .bz2, .xz, .zst), a container image, or a bootable disk")
        }
        return .disk(path, format: format)
    }

    private static func recognizeFolder(
        _ path: FilePath, choosing chosen: DeployFolder.Choice
    ) throws -> ImportSource {
        if Files.exists(path.appending("oci-layout")) { return .container(reference: "oci:\(path)", file: path) }
        if Files.exists(path.appending("etc")), Files.exists(path.appending("usr")) { return .folder(path) }
        return .deployFolder(try DeployFolder(at: path, choosing: chosen))
    }

    static func isTarName(_ name: String) -> Bool {
        let name = name.lowercased()
        return [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst"].contains {
            name.hasSuffix($0)
        }
    }

    /// How skopeo calls an archive that holds a container's image; nil where it is another kind of archive.
    ///
    /// Both kinds begin with few and known names, so that the head of the list tells.
    private static func containerReference(ofArchive path: FilePath) async throws -> String? {
        let list = try await Subprocess.run(
            .name("sh"), arguments: ["-c", "tar -tf \"$1\" 2>/dev/null | head -n 4096", "sh", path.string],
            environment: .inherit.updating(["PATH": RequiredTools.searchPath]), output: .string(limit: 4 << 20))
        let names = Set(list.standardOutput.split(separator: "\n").map { $0.trimmingPrefix("./") })
        if names.contains("oci-layout") { return "oci-archive:\(path)" }
        if names.contains("manifest.json"),
            names.contains(where: { $0.hasSuffix(".json") && $0 != "manifest.json" })
                || names.contains("repositories")
        {
            return "docker-archive:\(path)"
        }
        return nil
    }
}

/// The formats of disk images.
enum DiskFormat {
    /// What qemu-img(1) takes a file for; nil for a raw one that has no partition table.
    static func of(_ path: FilePath) async throws -> String? {
        try RequiredTools.check([("qemu-img", "qemu-utils")])
        let answer = try await Subprocess.run(
            .name("qemu-img"), arguments: ["info", "--output=json", path.string],
            environment: .inherit.updating(["PATH": RequiredTools.searchPath]), output: .data(limit: 1 << 20))
        struct Information: Decodable {
            var format: String
        }
        guard answer.terminationStatus.isSuccess,
            let format = try? JSONDecoder().decode(Information.self, from: answer.standardOutput).format
        else { return nil }
        guard format == "raw" else { return format }
        let sector = try Files.read(path, at: 0, count: 512)
        return sector.count == 512 && sector[510] == 0x55 && sector[511] == 0xaa ? format : nil
    }
}
