// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Glibc
import NIOCore
import SystemPackage

/// Bytes that a boot service hands out: at hand, or in a file that is read piece by piece.
enum BootContent: Sendable {
    case memory(ByteBuffer)
    case file(OpenFile)
    /// One after the other, none of them a sequence itself.
    case sequence([BootContent])

    var size: Int {
        switch self {
        case .memory(let bytes): bytes.readableBytes
        case .file(let file): file.size
        case .sequence(let parts): parts.reduce(0) { $0 + $1.size }
        }
    }

    /// Exactly `count` bytes from `offset`, which are all there. Blocks while the file system does.
    func read(offset: Int, count: Int) throws(OpenFile.Failure) -> ByteBuffer {
        switch self {
        case .memory(let bytes):
            return bytes.getSlice(at: bytes.readerIndex + offset, length: count) ?? ByteBuffer()
        case .file(let file):
            return try file.read(offset: offset, count: count)
        case .sequence(let parts):
            var whole = ByteBufferAllocator().buffer(capacity: count)
            var start = 0
            for part in parts {
                let end = start + part.size
                let range = max(offset, start)..<max(max(offset, start), min(offset + count, end))
                if !range.isEmpty {
                    whole.writeImmutableBuffer(
                        try part.read(offset: range.lowerBound - start, count: range.count))
                }
                start = end
            }
            return whole
        }
    }
}

/// A file of the host, open for reading for as long as a transfer needs it.
final class OpenFile: Sendable {
    let size: Int
    let tag: EntityTag
    private let descriptor: SystemPackage.FileDescriptor

    /// Why a file cannot be served.
    enum Failure: Error, CustomStringConvertible {
        case cannotOpen(String, Errno)
        case notRegular(String)
        case cannotRead(Errno)
        /// It became shorter after its size was told to the client.
        case shortened

        var description: String {
            switch self {
            case .cannotOpen(let path, let cause): "cannot open \(path): \(cause)"
            case .notRegular(let path): "\(path) is not a regular file"
            case .cannotRead(let cause): "cannot read the file: \(cause)"
            case .shortened: "the file was cut short while it was being sent"
            }
        }
    }

    /// Blocks while the file system does.
    init(_ path: String) throws(Failure) {
        let descriptor: SystemPackage.FileDescriptor
        do {
            // A named pipe must not keep us waiting for its writer.
            descriptor = try SystemPackage.FileDescriptor.open(
                FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw .cannotOpen(path, error as? Errno ?? .ioError)
        }
        do {
            let status = try descriptor.stat()
            guard status.type == .regular else { throw Failure.notRegular(path) }
            self.size = Int(status.size)
            self.tag = EntityTag(
                inode: UInt64(status.inode.rawValue), size: Int(status.size),
                modifiedNanoseconds: Self.nanoseconds(status))
        } catch {
            try? descriptor.close()
            throw error as? Failure ?? .cannotOpen(path, error as? Errno ?? .ioError)
        }
        self.descriptor = descriptor
    }

    deinit {
        // Nothing was written through it, so there is nothing that closing could lose.
        try? self.descriptor.close()
    }

    /// Exactly `count` bytes from `offset`. Blocks while the file system does.
    func read(offset: Int, count: Int) throws(Failure) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        do {
            while buffer.readableBytes < count {
                let wanted = count - buffer.readableBytes
                let at = Int64(offset + buffer.readableBytes)
                let got = unsafe try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { space in
                    let part = unsafe UnsafeMutableRawBufferPointer(rebasing: space[..<wanted])
                    return unsafe try self.descriptor.read(fromAbsoluteOffset: at, into: part)
                }
                guard got > 0 else { throw Failure.shortened }
            }
        } catch {
            throw error as? Failure ?? .cannotRead(error as? Errno ?? .ioError)
        }
        return buffer
    }

    private static func nanoseconds(_ status: Stat) -> UInt64 {
        let time = status.st_mtim
        return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    }
}
