// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import CLinux
import ControlAPI
import Glibc
import Model
import NIOCore
import SystemPackage

/// A machine's own disk: a copy of its image, made when it is first needed.
enum ClientDisk {
    /// Makes `path` a copy of `original`, sharing its blocks where the file system can, and keeping its holes.
    ///
    /// The copy appears under its name only when it is whole. Blocks while the file system does.
    static func make(_ path: String, copyOf original: String, size: Int?) throws(FileProblem) {
        try self.checkIsWhole(original)
        do {
            try SystemFiles.makeFolder(SystemFiles.folder(of: path), mode: 0o750)
            let source = try SystemPackage.FileDescriptor.open(FilePath(original), .readOnly, options: .closeOnExec)
            try source.closeAfter {
                let temporary = path + ".new"
                let copy = try SystemPackage.FileDescriptor.open(
                    FilePath(temporary), .writeOnly, options: [.create, .truncate, .closeOnExec],
                    permissions: [.ownerReadWrite, .groupRead])
                do {
                    try copy.closeAfter {
                        try Self.copy(source, to: copy, size: size)
                        try SystemFiles.sync(copy)
                    }
                    try SystemFiles.rename(temporary, to: path)
                } catch {
                    try? SystemFiles.remove(temporary)
                    throw error
                }
            }
            try Self.record(Origin(of: original), of: path)
            try SystemFiles.syncFolder(SystemFiles.folder(of: path))
        } catch {
            throw FileProblem("make \(path) as a copy of \(original)", error)
        }
    }

    /// A part of an image would start and then miss the rest of its files.
    private static func checkIsWhole(_ original: String) throws(FileProblem) {
        let folder = SystemFiles.folder(of: original)
        guard let image = ImageFolder.image(in: folder), let status = try? FilePath(original).stat(),
            Int64(image.size) != status.size
        else { return }
        throw FileProblem(
            .badContent,
            "the image in \(folder) is damaged: its disk has \(status.size) bytes, its manifest says \(image.size); build or "
                + "import it anew")
    }

    /// Writes what the machine's boot loader adds to the kernel's arguments to where the image left room for it.
    ///
    /// Only this one line is written, past the file system, and only where it still is: somebody who made the file anew
    /// in the machine has taken it over. Blocks while the file system does.
    static func setLoaderArguments(_ path: String, _ arguments: String) throws(FileProblem) {
        guard let slot = Self.origin(of: path)?.argumentSlot else { return }
        guard let line = slot.line(arguments) else {
            throw FileProblem(
                .badContent,
                "\(path) has room for \(slot.sizeBytes) bytes of kernel arguments, in one line; these are "
                    + "\(arguments.utf8.count)")
        }
        do {
            let disk = try SystemPackage.FileDescriptor.open(FilePath(path), .readWrite, options: .closeOnExec)
            try disk.closeAfter {
                var present = [UInt8](repeating: 0, count: slot.lineBytes)
                let count = try unsafe present.withUnsafeMutableBytes {
                    try unsafe disk.read(fromAbsoluteOffset: Int64(slot.offsetBytes), into: $0)
                }
                guard count == present.count, slot.isLine(present), present != line else { return }
                _ = try disk.writeAll(toAbsoluteOffset: Int64(slot.offsetBytes), line)
                try SystemFiles.sync(disk)
            }
        } catch {
            throw FileProblem("write kernel arguments to \(path)", error)
        }
    }

    /// What a disk was made from, kept beside it.
    private struct Origin: Codable {
        var original: String
        var version: String
        var argumentSlot: ArgumentSlot?

        init(of original: String) {
            let image = ImageFolder.image(in: SystemFiles.folder(of: original))
            self.original = original
            self.version = image?.version ?? ""
            self.argumentSlot = image?.argumentSlot
        }
    }

    private static func origin(of disk: String) -> Origin? {
        guard let text = try? SystemFiles.read(Self.originPath(disk)) else { return nil }
        return try? JSONText.read(Origin.self, from: text)
    }

    private static func originPath(_ disk: String) -> String { disk + ".origin" }

    private static func record(_ origin: Origin, of disk: String) throws {
        let file = try SystemPackage.FileDescriptor.open(
            FilePath(Self.originPath(disk)), .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead])
        let text = try JSONText.pretty(origin)
        try file.closeAfter { _ = try file.writeAll(text.readableBytesView) }
    }

    /// Whether the disk at `path` was made from something else than what `original` is now.
    static func isStale(_ path: String, copyOf original: String) -> Bool {
        guard SystemFiles.exists(path), let origin = Self.origin(of: path) else { return false }
        let now = Origin(of: original)
        return origin.original != now.original || origin.version != now.version
    }

    /// Does away with a disk, so that it is made anew when it is next needed.
    static func remove(_ path: String) throws(FileProblem) {
        do {
            for path in [Self.originPath(path), path] where SystemFiles.exists(path) {
                try SystemFiles.remove(path)
            }
        } catch {
            throw FileProblem("remove \(path)", error)
        }
    }

    private static func copy(_ source: SystemPackage.FileDescriptor, to copy: SystemPackage.FileDescriptor, size: Int?)
        throws
    {
        let length = try source.seek(offset: 0, from: .end)
        if clinux_clone(copy.rawValue, source.rawValue) != 0 {
            try copy.resize(to: length)
            try Self.copyData(source, to: copy, length: off_t(length))
        }
        if let size, Int64(size) > length { try copy.resize(to: Int64(size)) }
    }

    /// Copies what is not a hole.
    private static func copyData(
        _ source: SystemPackage.FileDescriptor, to copy: SystemPackage.FileDescriptor, length: off_t
    ) throws {
        var offset: off_t = 0
        while offset < length {
            let start = clinux_next_data(source.rawValue, offset)
            if start == -off_t(ENXIO) { return }
            let end = try Self.checked(clinux_next_hole(source.rawValue, try Self.checked(start)))
            offset = start
            while offset < end {
                let count = min(end - offset, off_t(Limits.copyBytes))
                let copied = try Self.checked(
                    off_t(clinux_copy_range(source.rawValue, offset, copy.rawValue, offset, Int(count))))
                guard copied > 0 else { throw Errno.ioError }
                offset += copied
            }
        }
    }

    private static func checked(_ result: off_t) throws -> off_t {
        guard result >= 0 else { throw Errno(rawValue: CInt(-result)) }
        return result
    }
}
