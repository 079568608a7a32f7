// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import Model
import Subprocess
import SystemPackage

/// Makes an image of a root file system that has a kernel, systemd and open-iscsi: it gets an initramfs of its own
/// programs, a boot loader, and what a root on iSCSI needs.
struct RootImport {
    let request: ImportRequest
    let progress: BuildProgress

    func run(in place: ImageMaking.Place, hash: String) async throws -> ImageManifest {
        let ids = RecipeHash.identifiers(ofImage: self.request.name)
        try await self.progress.step("root file system") {
            try await self.fill(place)
        }
        let overlay = Overlay(
            [.iscsiBoot] + (self.request.sshKeys.isEmpty ? [] : [.sshServer]) + self.request.templates)
        let missing = RootFacts.missing(in: place.root, for: overlay.template)
        guard missing.isEmpty, let kernel = RootInitramfs.kernels(in: place.root).last else {
            throw ImageError(
                kind: .badRecipe,
                message: "this system lacks what a root on iSCSI needs: \(missing.joined(separator: ", "))")
        }
        let hostname = self.request.hostname ?? RootFacts.hostname(of: place.root) ?? self.request.name
        try await self.progress.step("settings: disks, services, login") {
            try overlay.write(to: place.files)
            try LoginChoices(rootPassword: self.request.rootPassword, sshKeys: self.request.sshKeys)
                .write(to: place.files)
            try await place.tools.run(
                "sh",
                [
                    place.files.appending("adopt-root.sh").string, place.root.string, place.files.string, hostname,
                    ids.rootFilesystem,
                ], contained: true)
        }
        try await self.progress.step("initramfs for Linux \(kernel.release)") {
            try await place.tools.run("cp", ["--dereference", kernel.file.string, place.kernel.string])
            try await RootInitramfs.make(release: kernel.release, in: place)
        }
        let arguments =
            BootLoader.kernelArguments(rootArgument: ids.rootArgument) + overlay.template.kernelArguments
            + self.request.kernelArguments
        let title = RootFacts.title(of: place.root)
        let assembly = DiskAssembly(
            place: place,
            layout: try .fitting(
                rootBytes: try await Self.size(of: place.root, place.tools),
                espContentBytes: try Files.size(place.kernel) + Files.size(place.initramfs),
                wanted: self.request.sizeBytes),
            ids: ids, kernelName: ImageLayout.kernel, initramfsName: ImageLayout.initramfs,
            title: "\(self.request.name) (\(title), Linux \(kernel.release))", kernelArguments: arguments,
            timeoutSeconds: 2)
        let slot = try await assembly.run(self.progress)
        return ImageManifest(
            name: self.request.name, recipeHash: hash, suite: title, architecture: "amd64", hostname: hostname,
            kernelRelease: kernel.release, rootArgument: ids.rootArgument, kernelArguments: arguments,
            attachment: [.arguments, .ibft], argumentSlot: slot,
            isSigned: KernelFile.isSignedByDebian(place.kernel), sizeBytes: assembly.layout.sizeBytes,
            created: Date().formatted(.iso8601))
    }

    private func fill(_ place: ImageMaking.Place) async throws {
        switch self.request.source {
        case .tarball(let file): try await Self.unpack(file, in: place)
        case .folder(let folder):
            // One file system only: what is mounted below, such as /proc of a system that runs, is not part of it.
            try await place.tools.run(
                "cp", ["--archive", "--one-file-system", "--sparse=auto", folder.string, place.root.string])
        case .container(let reference, _):
            let layout = place.work.appending("oci")
            try await place.tools.run(
                "skopeo",
                [
                    "copy", "--insecure-policy", "--quiet", "--dest-compress-format=gzip", reference,
                    "oci:\(layout):image",
                ])
            try await place.tools.run(
                "umoci", ["raw", "unpack", "--image", "\(layout):image", place.root.string], contained: true)
            try await place.tools.run("rm", ["-rf", layout.string])
        case .deployFolder, .disk:
            preconditionFailure("not a root file system")
        }
    }

    /// Unpacks an archive with its owners, modes, extended attributes, capabilities, links, devices and holes. Names are
    /// those of the numbers on that system, not on this one.
    static func unpack(_ archive: FilePath, in place: ImageMaking.Place) async throws {
        try Files.makeFolder(place.root, mode: 0o755)
        try await place.tools.run(
            "tar",
            [
                "--extract", "--file", archive.string, "--directory", place.root.string, "--numeric-owner",
                "--same-owner", "--preserve-permissions", "--xattrs", "--xattrs-include=*", "--acls", "--sparse",
            ], contained: true)
        // An archive of a folder has the root one deeper.
        let names = try FileManager.default.contentsOfDirectory(atPath: place.root.string)
        guard names.count == 1, Files.exists(place.root.appending(names[0]).appending("etc")) else { return }
        let inner = place.work.appending("inner")
        try Files.replace(inner, with: place.root.appending(names[0]), aside: place.work.appending("former"))
        try await place.tools.run("rmdir", [place.root.string])
        try Files.replace(place.root, with: inner, aside: place.work.appending("former"))
    }

    /// What the files take, in bytes.
    static func size(of folder: FilePath, _ tools: Tools) async throws -> UInt64 {
        let answer = try await tools.answer(
            "du", ["--summarize", "--block-size=1", "--one-file-system", folder.string])
        guard let size = answer.split(separator: "\t").first.flatMap({ UInt64($0) }) else {
            throw ImageError(kind: .stepFailed, message: "du does not say how large \(folder) is: \(answer)")
        }
        return size
    }
}
