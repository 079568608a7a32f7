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

/// What came of asking for an image.
package enum ImageOutcome: Sendable {
    case made(ImageManifest)
    /// There is one of the same recipe already.
    case unchanged(ImageManifest)
}

/// The frame of every way to make an image, without a loop device and without mounting anything on the host.
///
/// Everything is made in a hidden folder beside the image's own, which takes its place when it is complete. What fails
/// or is given up leaves nothing.
struct ImageMaking: Sendable {
    /// Where an image is made.
    struct Place {
        let work: FilePath
        let tools: Tools

        /// The root file system, as a folder.
        var root: FilePath { self.work.appending("root") }
        /// Our own files that steps read.
        var files: FilePath { self.work.appending("files") }
        /// An empty folder that the initramfs is put together in.
        var stage: FilePath { self.work.appending("stage") }
        /// What becomes the image's folder.
        var image: FilePath { self.work.appending("image") }
        var disk: FilePath { self.image.appending(ImageLayout.disk) }
        var kernel: FilePath { self.image.appending(ImageLayout.kernel) }
        var initramfs: FilePath { self.image.appending(ImageLayout.initramfs) }
    }

    let name: String
    let store: ImageStore
    let progress: BuildProgress
    /// What the work may take of the disk, with room to spare.
    let neededBytes: UInt64

    /// An image that exists is left as it is where its recipe is the same, and replaced otherwise: machines have copies of
    /// their own.
    ///
    /// - Parameters:
    ///   - remaking: Whether it is made anew even from the same recipe.
    ///   - recipeHash: The name of everything that decides what the image holds.
    func run(
        remaking: Bool, recipeHash: (Tools) async throws -> String,
        _ make: (Place, _ recipeHash: String) async throws -> ImageManifest
    ) async throws -> ImageOutcome {
        try self.makeStore()
        let lock = try self.store.lock(self.name)
        defer { lock.release() }

        let work = self.store.folder.appending(".\(self.name).building")
        let tools = Tools(log: lock.log, logPath: lock.path)
        let hash = try await recipeHash(tools)
        if !remaking, let existing = try? self.store.entry(self.name), existing.manifest.recipeHash == hash {
            return .unchanged(existing.manifest)
        }
        try self.checkSpace()
        await self.remove(work)
        try lock.log.resize(to: 0)
        do {
            let place = Place(work: work, tools: tools)
            for folder in [place.work, place.files, place.stage] { try Files.makeFolder(folder, mode: 0o700) }
            try Files.makeFolder(place.image, mode: 0o750)
            for file in BuildFiles.all {
                try Files.write(
                    file.content, to: place.files.appending(file.name), mode: [.ownerReadWrite, .groupRead])
            }
            let manifest = try await make(place, hash)
            try await self.progress.step("put in place in \(self.store.folder(of: self.name))") {
                try self.finish(place, manifest: manifest)
            }
            await self.remove(work)
            return .made(manifest)
        } catch {
            // Also when the task was cancelled: what clears up must run.
            await Task { await self.remove(work) }.value
            throw Self.readable(error, in: self.store.folder)
        }
    }

    /// Files with many owners can be made by one user only.
    static func checkIsSuperuser() throws(ImageError) {
        guard geteuid() == 0 else {
            throw ImageError(
                kind: .notPermitted,
                message: "making an image needs the superuser, because files in it have many owners: use sudo")
        }
    }

    /// Every error of a step as one line that a user can use.
    private static func readable(_ error: any Error, in folder: FilePath) -> any Error {
        switch error {
        case is ImageError, is CancellationError: error
        case Errno.noSpace: ImageError(kind: .noSpace, message: "\(folder) is full: make room and try again")
        case let error as Errno: ImageError(kind: .inputOutput, message: "cannot work in \(folder): \(error)")
        case let error as BIOSLoader.Problem:
            ImageError(kind: .stepFailed, message: "this GRUB's files are not as expected: \(error)")
        default: ImageError(kind: .stepFailed, message: "making the image failed: \(error)")
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
        guard free >= self.neededBytes else {
            throw ImageError(
                kind: .noSpace,
                message: "\(self.store.folder) has \(free >> 20) MiB left, this needs \(self.neededBytes >> 20) MiB: "
                    + "make room or use another --state folder")
        }
    }

    /// The image is complete: it takes its name, and the place of an older one.
    private func finish(_ place: Place, manifest: ImageManifest) throws {
        try self.store.write(manifest, to: place.image)
        for name in [ImageLayout.disk, ImageLayout.kernel, ImageLayout.initramfs]
        where Files.exists(place.image.appending(name)) {
            try Files.synchronize(place.image.appending(name))
        }
        try Files.synchronize(place.image)
        try Task.checkCancellation()
        try Files.replace(
            self.store.folder(of: self.name), with: place.image, aside: place.work.appending("former"))
        try Files.synchronize(self.store.folder)
    }

    /// Deletes a folder of ours, and never what something mounted in it belongs to.
    private func remove(_ folder: FilePath) async {
        guard Files.exists(folder) else { return }
        _ = try? await Subprocess.run(
            .name("rm"), arguments: ["-rf", "--one-file-system", folder.string], output: .discarded)
    }
}
