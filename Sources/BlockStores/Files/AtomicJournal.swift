// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import Glibc
internal import NIOCore
internal import SystemPackage
internal import Wire

/// Makes a write to a file whole or nothing, whatever happens in between: a file beside the medium holds it first.
///
///     <path>.atomic   0  "APUSATOM"   8  offset (8)   16  length (8)   24  CRC32C of bytes 0…23 and the data (4)
///                     4096  the data
///
///     the data into the journal ─► sync ─► the data into the medium ─► sync ─► the journal made void ─► sync
///
/// Opening the medium finishes what a valid record tells. A record is void before any other write may touch its blocks,
/// so finishing never brings back what is older. Three syncs a write are the price; who wants speed writes otherwise.
final class AtomicJournal: Sendable {
    private let medium: OpenMedium
    private let journal: OpenMedium

    private static let magic: UInt64 = 0x4150_5553_4154_4F4D
    private static let headerBytes = 28
    private static let dataOffset: UInt64 = 4096

    static func path(_ medium: String) -> String { medium + ".atomic" }

    /// Whether a journal could be made beside the file.
    static func isPossible(_ medium: String) -> Bool {
        // The C function reads the path and keeps nothing.
        unsafe access(FilePath(medium).removingLastComponent().string.nonEmptyPath, W_OK) == 0
    }

    /// Makes the journal, or takes the one that is there; what it held has been finished.
    init(of medium: OpenMedium) throws(BlockError) {
        let path = Self.path(medium.path)
        do {
            let descriptor = try SystemPackage.FileDescriptor.open(
                FilePath(path), .readWrite, options: [.create, .closeOnExec, .noFollow],
                permissions: [.ownerReadWrite])
            self.journal = OpenMedium(descriptor: descriptor, path: path, kind: .file)
        } catch {
            throw Self.failure("create", path, error)
        }
        self.medium = medium
        try self.syncFolder()
    }

    /// Writes `data` at `offset`. The caller keeps everyone else away; `sync` makes the medium durable.
    func write(
        _ data: ByteBuffer, at offset: UInt64, sync: () throws(BlockError) -> Void
    ) throws(BlockError) {
        var old = ByteBuffer()
        try self.medium.read(data.readableBytes, at: offset, into: &old)
        try self.journal.write(data.readableBytesSpan, at: Self.dataOffset)
        try self.journal.write(Self.header(offset, data).readableBytesSpan, at: 0)
        try self.journal.sync()
        do {
            try self.medium.write(data.readableBytesSpan, at: offset)
        } catch {
            // What was overwritten is there, so that putting the old back asks for no space.
            try self.medium.write(old.readableBytesSpan, at: offset)
            try self.makeVoid()
            throw error
        }
        try sync()
        try self.makeVoid()
    }

    private func makeVoid() throws(BlockError) {
        try self.journal.write(ByteBuffer(repeating: 0, count: Self.headerBytes).readableBytesSpan, at: 0)
        try self.journal.sync()
    }

    /// Takes the journal away when the medium is closed in order.
    func remove() throws(BlockError) {
        do {
            try self.journal.descriptor.close()
        } catch {
            throw Self.failure("close", self.journal.path, error)
        }
        // The C function reads the path and keeps nothing.
        guard unsafe unlink(self.journal.path) == 0 || errno == ENOENT else {
            throw Self.failure("remove", self.journal.path, Errno(rawValue: errno))
        }
    }

    // MARK: - After a power cut

    /// Finishes the write that was under way, if one was.
    static func finish(_ medium: OpenMedium, readOnly: Bool) throws(BlockError) {
        let path = Self.path(medium.path)
        let descriptor: SystemPackage.FileDescriptor
        do {
            descriptor = try SystemPackage.FileDescriptor.open(
                FilePath(path), readOnly ? .readOnly : .readWrite, options: [.closeOnExec, .noFollow])
        } catch Errno.noSuchFileOrDirectory {
            return
        } catch {
            throw Self.failure("open", path, error)
        }
        let journal = OpenMedium(descriptor: descriptor, path: path, kind: .file)
        defer { try? descriptor.close() }
        guard let (offset, data) = Self.record(in: journal) else { return }
        guard !readOnly else {
            throw BlockError(
                .unavailable, "open \(medium.path)",
                reason: "a write was interrupted, and \(path) holds its rest (export it writable once)")
        }
        try medium.write(data.readableBytesSpan, at: offset)
        try medium.sync()
        try journal.write(ByteBuffer(repeating: 0, count: Self.headerBytes).readableBytesSpan, at: 0)
        try journal.sync()
    }

    /// The record, nil where it is void or was not completed.
    private static func record(in journal: OpenMedium) -> (offset: UInt64, data: ByteBuffer)? {
        var header = ByteBuffer()
        var data = ByteBuffer()
        guard (try? journal.read(Self.headerBytes, at: 0, into: &header)) != nil,
            let (magic, offset, length, checksum) = header.readMultipleIntegers(
                as: (UInt64, UInt64, UInt64, UInt32).self),
            magic == Self.magic, length <= UInt64(Limits.atomicBytes), offset <= UInt64(Int64.max) - length,
            (try? journal.read(Int(length), at: Self.dataOffset, into: &data)) != nil,
            checksum == Self.checksum(offset, data)
        else { return nil }
        return (offset, data)
    }

    private static func header(_ offset: UInt64, _ data: ByteBuffer) -> ByteBuffer {
        var header = ByteBuffer()
        header.writeMultipleIntegers(Self.magic, offset, UInt64(data.readableBytes), Self.checksum(offset, data))
        return header
    }

    private static func checksum(_ offset: UInt64, _ data: ByteBuffer) -> UInt32 {
        var covered = ByteBuffer()
        covered.reserveCapacity(24 + data.readableBytes)
        covered.writeMultipleIntegers(Self.magic, offset, UInt64(data.readableBytes))
        covered.writeImmutableBuffer(data)
        return CRC32C.checksum(covered.readableBytesSpan)
    }

    /// A file that was just made is found after a power cut only if its folder was written too.
    private func syncFolder() throws(BlockError) {
        let folder = FilePath(self.journal.path).removingLastComponent().string.nonEmptyPath
        do {
            let descriptor = try SystemPackage.FileDescriptor.open(FilePath(folder), .readOnly, options: .closeOnExec)
            defer { try? descriptor.close() }
            guard fsync(descriptor.rawValue) == 0 else { throw Errno(rawValue: errno) }
        } catch {
            throw Self.failure("write", folder, error)
        }
    }

    private static func failure(_ operation: String, _ path: String, _ error: any Error) -> BlockError {
        let errno = error as? Errno
        return BlockError(
            .write, "\(operation) \(path)", errno: errno?.rawValue, reason: errno?.description ?? "\(error)")
    }
}

extension String {
    /// A path without a folder is one in the folder that the program runs in.
    fileprivate var nonEmptyPath: String { self.isEmpty ? "." : self }
}
