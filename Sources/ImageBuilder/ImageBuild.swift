// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
package import Model
import Subprocess
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Makes an image from Debian's packages, without a loop device and without mounting anything on the host.
///
/// Everything is made in a hidden folder beside the image's own, which takes its place when it is complete. A build that
/// fails or is given up leaves nothing.
package struct ImageBuild: Sendable {
    /// What came of asking for an image.
    package enum Outcome: Sendable {
        case built(ImageManifest)
        /// There is one of the same recipe already.
        case unchanged(ImageManifest)
    }

    /// Kernel, packages, root file system and the initramfs's stage, with room to spare.
    private static let neededBytes: UInt64 = 3 << 30

    let recipe: ImageRecipe
    let store: ImageStore
    let progress: BuildProgress

    package init(_ recipe: ImageRecipe, in store: ImageStore, progress: BuildProgress) {
        self.recipe = recipe
        self.store = store
        self.progress = progress
    }

    /// An image that exists is left as it is where its recipe is the same, and replaced otherwise: machines have copies of
    /// their own.
    ///
    /// - Parameter rebuilding: Whether it is built anew even from the same recipe, from what the archive has today.
    package func run(rebuilding: Bool) async throws -> Outcome {
        let problems = self.recipe.problems()
        guard problems.isEmpty else {
            throw ImageError(kind: .badRecipe, message: problems.joined(separator: "; "))
        }
        try RequiredTools.check()
        guard geteuid() == 0 else {
            throw ImageError(
                kind: .notPermitted,
                message: "building an image needs the superuser, because files in it have many owners: use sudo")
        }
        try self.makeStore()
        let lock = try self.store.lock(self.recipe.name)
        defer { lock.release() }

        let work = self.store.folder.appending(".\(self.recipe.name).building")
        let tools = Tools(log: lock.log, logPath: lock.path)
        let hash = RecipeHash.of(self.recipe, toolVersions: try await self.toolVersions(tools))
        if !rebuilding, let existing = try? self.store.entry(self.recipe.name), existing.manifest.recipeHash == hash {
            return .unchanged(existing.manifest)
        }
        try self.checkSpace()
        await self.remove(work)
        try lock.log.resize(to: 0)
        do {
            let manifest = try await self.build(in: work, tools: tools, hash: hash)
            await self.remove(work)
            return .built(manifest)
        } catch {
            // Also when the task was cancelled: what clears up must run.
            await Task { await self.remove(work) }.value
            throw Self.readable(error, in: self.store.folder)
        }
    }

    /// Every error of a step as one line that a user can use.
    private static func readable(_ error: any Error, in folder: FilePath) -> any Error {
        switch error {
        case is ImageError, is CancellationError: error
        case Errno.noSpace: ImageError(kind: .noSpace, message: "\(folder) is full: make room and build again")
        case let error as Errno: ImageError(kind: .inputOutput, message: "cannot work in \(folder): \(error)")
        case let error as BIOSLoader.Problem:
            ImageError(kind: .stepFailed, message: "this GRUB's files are not as expected: \(error)")
        default: ImageError(kind: .stepFailed, message: "the build failed: \(error)")
        }
    }

    private func makeStore() throws(ImageError) {
        do {
            try FileManager.default.createDirectory(
                atPath: self.store.folder.string, withIntermediateDirectories: true)
        } catch {
            throw ImageError(kind: .notPermitted, message: "cannot make the folder \(self.store.folder)")
        }
    }

    private func checkSpace() throws {
        let free = try Files.freeBytes(self.store.folder)
        guard free >= Self.neededBytes else {
            throw ImageError(
                kind: .noSpace,
                message: "\(self.store.folder) has \(free >> 20) MiB left, a build needs \(Self.neededBytes >> 20) MiB")
        }
    }

    private func toolVersions(_ tools: Tools) async throws -> [String] {
        var versions: [String] = []
        for (tool, option) in RequiredTools.versioned { versions.append(try await tools.answer(tool, [option])) }
        return versions
    }

    /// Deletes a folder of a build, and never what something mounted in it belongs to.
    private func remove(_ folder: FilePath) async {
        guard Files.exists(folder) else { return }
        _ = try? await Subprocess.run(
            .name("rm"), arguments: ["-rf", "--one-file-system", folder.string], output: .discarded)
    }
}

// MARK: - The steps

extension ImageBuild {
    private func build(in work: FilePath, tools: Tools, hash: String) async throws -> ImageManifest {
        let ids = RecipeHash.identifiers(ofImage: self.recipe.name)
        let root = work.appending("root")
        let files = work.appending("files")
        let stage = work.appending("stage")
        let image = work.appending("image")
        for folder in [work, files, stage] { try Files.makeFolder(folder, mode: 0o700) }
        try Files.makeFolder(image, mode: 0o750)
        try self.writeFiles(to: files)

        try await self.progress.step(self.packagesTitle) {
            try await tools.run(
                "mmdebstrap",
                [
                    "--mode=root", "--variant=minbase", "--include=\(self.recipe.allPackages.joined(separator: ","))",
                    self.recipe.suite, root.string, self.recipe.mirror,
                ], contained: true, environment: ["INITRD": "No"])
        }
        try await self.progress.step("settings: host name, disks, services, login") {
            try await tools.run(
                "sh",
                [
                    files.appending("configure-root.sh").string, root.string, files.string, self.recipe.hostname,
                    ids.rootFilesystem,
                ], contained: true)
        }
        let release = try self.kernelRelease(in: root)
        let kernel = image.appending(ImageLayout.kernel)
        let initramfs = image.appending(ImageLayout.initramfs)
        try await self.progress.step("initramfs for Linux \(release)") {
            try await tools.run("cp", [root.appending("boot/vmlinuz-\(release)").string, kernel.string])
            try await tools.run(
                "sh",
                [
                    files.appending("assemble-initramfs.sh").string, root.string, release, files.string, stage.string,
                    initramfs.string,
                ], contained: true)
        }
        let manifest = self.manifest(hash: hash, release: release, ids: ids)
        let layout = DiskLayout(sizeBytes: self.recipe.sizeBytes)
        let disk = image.appending(ImageLayout.disk)
        try await self.progress.step("disk: \(layout.sizeBytes >> 20) MiB, partitions, root file system") {
            try await self.partition(disk, layout: layout, root: root, ids: ids, tools: tools)
        }
        try await self.progress.step("boot loader for UEFI and BIOS") {
            try await self.installLoader(work: work, disk: disk, layout: layout, ids: ids, manifest: manifest, tools)
        }
        try await self.progress.step("put in place in \(self.store.folder(of: self.recipe.name))") {
            try self.finish(image, manifest: manifest)
        }
        return manifest
    }

    private var packagesTitle: String {
        "packages: \(self.recipe.suite) from \(self.recipe.mirror)"
    }

    /// Our own files, and what the recipe says that a step reads from a file.
    private func writeFiles(to folder: FilePath) throws {
        for file in BuildFiles.all {
            try Files.write(file.content, to: folder.appending(file.name), mode: [.ownerReadWrite, .groupRead])
        }
        func write(_ text: String, to name: String) throws {
            try Files.write(Array(text.utf8), to: folder.appending(name), mode: [.ownerReadWrite])
        }
        if let script = self.recipe.initScript { try write(script, to: "init-iscsi.sh") }
        if let password = self.recipe.rootPassword { try write(password + "\n", to: "root-password") }
        if !self.recipe.sshKeys.isEmpty {
            try write(self.recipe.sshKeys.map { $0 + "\n" }.joined(), to: "authorized_keys")
        }
    }

    private func kernelRelease(in root: FilePath) throws -> String {
        let names = try FileManager.default.contentsOfDirectory(atPath: root.appending("usr/lib/modules").string)
        let releases = names.filter { Files.exists(root.appending("boot/vmlinuz-\($0)")) }.sorted()
        guard let release = releases.last else {
            throw ImageError(
                kind: .stepFailed,
                message: "the packages brought no kernel: does \(self.recipe.suite) have "
                    + "\(self.recipe.kernel.package)?")
        }
        return release
    }

    private func manifest(hash: String, release: String, ids: ImageIdentifiers) -> ImageManifest {
        let rootArgument = "root=UUID=\(ids.rootFilesystem)"
        return ImageManifest(
            name: self.recipe.name, recipeHash: hash, suite: self.recipe.suite, architecture: "amd64",
            hostname: self.recipe.hostname, kernelRelease: release, rootArgument: rootArgument,
            kernelArguments: BootLoader.kernelArguments(rootArgument: rootArgument),
            sizeBytes: DiskLayout(sizeBytes: self.recipe.sizeBytes).sizeBytes,
            created: Date().formatted(.iso8601))
    }

    private func partition(
        _ disk: FilePath, layout: DiskLayout, root: FilePath, ids: ImageIdentifiers, tools: Tools
    ) async throws {
        try Files.makeSparse(disk, sizeBytes: layout.sizeBytes)
        try await tools.run("sfdisk", ["--quiet", disk.string], input: layout.sfdiskScript(ids: ids))
        // The file is all zeroes, so that inode tables and journal need no writing.
        try await tools.run(
            "mke2fs",
            [
                "-q", "-F", "-t", "ext4", "-L", "root", "-U", ids.rootFilesystem, "-m", "1", "-d", root.string, "-E",
                "offset=\(layout.root.offsetBytes),root_owner=0:0,assume_storage_prezeroed=1", disk.string,
                "\(layout.root.sizeBytes / 1024)k",
            ])
    }

    private func installLoader(
        work: FilePath, disk: FilePath, layout: DiskLayout, ids: ImageIdentifiers, manifest: ImageManifest,
        _ tools: Tools
    ) async throws {
        let early = work.appending("early.cfg")
        let efi = work.appending("grub.efi")
        let core = work.appending("core.img")
        let configuration = work.appending("grub.cfg")
        try Files.write(
            Array(BootLoader.earlyConfiguration(espVolume: ids.espVolumeName).utf8), to: early, mode: [.ownerReadWrite])
        try Files.write(
            Array(
                BootLoader.configuration(
                    title: "\(manifest.name) (\(manifest.suite), Linux \(manifest.kernelRelease))",
                    kernel: ImageLayout.kernel, initramfs: ImageLayout.initramfs, arguments: manifest.kernelArguments
                ).utf8), to: configuration, mode: [.ownerReadWrite])
        try await tools.run(
            "grub-mkimage",
            BootLoader.efiImageArguments(earlyConfiguration: early.string, output: efi.string))
        try await tools.run(
            "grub-mkimage",
            BootLoader.biosImageArguments(earlyConfiguration: early.string, output: core.string))

        try Files.write(
            try BIOSLoader.bootCode(
                bootImage: try Files.read(FilePath(RequiredTools.biosBootImage)),
                coreSector: layout.biosBoot.firstSector),
            into: disk, at: 0)
        try Files.write(
            try BIOSLoader.core(coreImage: try Files.read(core), at: layout.biosBoot), into: disk,
            at: layout.biosBoot.offsetBytes)

        try await tools.run(
            "mkfs.vfat",
            [
                "-F", "32", "-s", "1", "-n", "ESP", "-i", ids.espVolume, "--offset", "\(layout.esp.firstSector)",
                disk.string, "\(layout.esp.sizeBytes / 1024)",
            ])
        let volume = "\(disk)@@\(layout.esp.offsetBytes)"
        try await tools.run("mmd", ["-i", volume, "::EFI", "::EFI/BOOT"])
        let image = disk.removingLastComponent()
        for (source, target) in [
            (efi, BootLoader.efiPath), (configuration, BootLoader.configurationPath),
            (image.appending(ImageLayout.kernel), ImageLayout.kernel),
            (image.appending(ImageLayout.initramfs), ImageLayout.initramfs),
        ] {
            try await tools.run("mcopy", ["-i", volume, source.string, "::\(target)"])
        }
    }

    /// The image is complete: it takes its name, and the place of an older one.
    private func finish(_ image: FilePath, manifest: ImageManifest) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try Files.write(
            Array(try encoder.encode(manifest)) + [UInt8(ascii: "\n")], to: image.appending(ImageLayout.manifest),
            mode: [.ownerReadWrite, .groupRead])
        for name in [ImageLayout.disk, ImageLayout.kernel, ImageLayout.initramfs, ImageLayout.manifest] {
            try Files.synchronize(image.appending(name))
        }
        try Files.synchronize(image)
        try Task.checkCancellation()
        try Files.replace(
            self.store.folder(of: self.recipe.name), with: image,
            aside: image.removingLastComponent().appending("former"))
        try Files.synchronize(self.store.folder)
    }
}
