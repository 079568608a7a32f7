// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
package import Model
package import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The folder that holds all images, a folder each. A build's unfinished work and its lock have names that begin with
/// a dot, so that no image can have them.
package struct ImageStore: Sendable {
    package let folder: FilePath

    init(folder: FilePath) {
        self.folder = folder
    }

    /// - Parameter stateFolder: The folder of images and disks, as the daemon knows it.
    package init(stateFolder: String) {
        self.init(folder: Files.absolute(FilePath(stateFolder)).appending("images"))
    }

    /// An image as it is in the store.
    package struct Entry: Sendable {
        package var manifest: ImageManifest
        /// What the disk takes of the host's disk, in bytes.
        package var usedBytes: UInt64
    }

    package func folder(of name: String) -> FilePath {
        self.folder.appending(name)
    }

    /// The images, in the order of their names. A folder that holds none is not an image.
    package func entries() throws(ImageError) -> [Entry] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: self.folder.string).sorted()
        } catch {
            guard Files.exists(self.folder) else { return [] }
            throw ImageError(kind: .inputOutput, message: "cannot read \(self.folder): check that it is a folder")
        }
        var entries: [Entry] = []
        for name in names where ImageRecipe.nameProblem(name) == nil {
            if let entry = try self.entry(name) { entries.append(entry) }
        }
        return entries
    }

    /// The image of a name; nil when there is none.
    package func entry(_ name: String) throws(ImageError) -> Entry? {
        if let problem = ImageRecipe.nameProblem(name) { throw ImageError(kind: .badRecipe, message: problem) }
        let folder = self.folder(of: name)
        guard Files.exists(folder.appending(ImageLayout.manifest)) else { return nil }
        do {
            let data = try Data(contentsOf: URL(filePath: folder.appending(ImageLayout.manifest).string))
            let manifest = try JSONDecoder().decode(ImageManifest.self, from: data)
            guard manifest.format <= ImageManifest.currentFormat else {
                throw ImageError(kind: .damaged, message: "image \(name) was made by a later version of this program")
            }
            return Entry(manifest: manifest, usedBytes: try Files.usedBytes(folder.appending(ImageLayout.disk)))
        } catch let error as ImageError {
            throw error
        } catch {
            throw ImageError(
                kind: .damaged, message: "image \(name) in \(folder) is damaged: remove it and build it again")
        }
    }

    /// Writes what an image is into its folder.
    func write(_ manifest: ImageManifest, to folder: FilePath) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let path = folder.appending(ImageLayout.manifest)
        try Files.write(
            Array(try encoder.encode(manifest)) + [UInt8(ascii: "\n")], to: path, mode: [.ownerReadWrite, .groupRead])
        try Files.synchronize(path)
    }

    package func existingEntry(_ name: String) throws(ImageError) -> Entry {
        guard let entry = try self.entry(name) else {
            throw self.unknown(name)
        }
        return entry
    }

    private func unknown(_ name: String) -> ImageError {
        ImageError(
            kind: .unknownImage, message: "there is no image \(name) in \(self.folder); \"apus image list\" shows all")
    }

    /// Deletes an image. Whoever has its disk open keeps what it has open, so callers ask the daemon first.
    package func remove(_ name: String) throws(ImageError) {
        if let problem = ImageRecipe.nameProblem(name) { throw ImageError(kind: .badRecipe, message: problem) }
        guard Files.exists(self.folder(of: name)) else {
            throw self.unknown(name)
        }
        let lock = try self.lock(name)
        defer { lock.release() }
        do {
            // Gone under its name at once, whatever the deletion of the files comes to.
            let doomed = self.folder.appending(".\(name).removed")
            try? FileManager.default.removeItem(atPath: doomed.string)
            try FileManager.default.moveItem(atPath: self.folder(of: name).string, toPath: doomed.string)
            try FileManager.default.removeItem(atPath: doomed.string)
        } catch {
            throw ImageError(
                kind: .notPermitted, message: "cannot remove \(self.folder(of: name)): are you its owner?")
        }
    }

    /// Keeps everybody else from building or removing the same image until released.
    func lock(_ name: String) throws(ImageError) -> ImageLock {
        let path = self.folder.appending(".\(name).log")
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(
                path, .readWrite, options: [.create, .append, .closeOnExec], permissions: [.ownerReadWrite])
        } catch {
            throw ImageError(kind: .notPermitted, message: "cannot write to \(self.folder): are you its owner?")
        }
        guard flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            try? descriptor.close()
            throw ImageError(
                kind: .busy,
                message: "image \(name) is being built or removed by another command, or what a killed one began still "
                    + "runs: try again in a minute")
        }
        return ImageLock(log: descriptor, path: path)
    }
}

/// The log of the last build of an image, and the right to build it.
///
/// The log is what holds the lock, so that tools which write to it hold it too: one that outlives a killed build does
/// not meet the next one.
struct ImageLock {
    let log: FileDescriptor
    let path: FilePath

    /// The file stays: deleting it would let two others lock two files of the same name.
    func release() {
        // A program that somebody starts at this moment has a copy of the descriptor until it is on its way.
        flock(self.log.rawValue, LOCK_UN)
        try? self.log.close()
    }
}
