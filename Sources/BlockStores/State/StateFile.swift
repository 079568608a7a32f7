// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import Glibc
package import NIOCore
internal import SystemPackage

/// A small file beside a store that is there whole, before or after, whenever its writing is interrupted.
///
///     write PATH.new ─► fsync ─► rename to PATH ─► fsync of the folder
///
/// Blocks while the file system does. One process writes it at a time; a PATH.new that was left over is overwritten.
package struct StateFile: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// The file of the thing called `name` in `folder`; two names never share one.
    package init(name: String, in folder: String) {
        let plain = name.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "/"), UInt8(ascii: "%"), 0x10...0x20, 0x7F...: "%" + String(byte, radix: 16)
            case 0x00...0x0F: "%0" + String(byte, radix: 16)
            default: String(UnicodeScalar(byte))
            }
        }.joined()
        self.init(path: "\(folder)/\(plain).state")
    }

    /// What was written last; nil where nothing was. Of a longer file than `limit` bytes one more than that.
    package func read(limit: Int) throws(BlockError) -> ByteBuffer? {
        do {
            let file = try FileDescriptor.open(FilePath(self.path), .readOnly, options: .closeOnExec)
            return try file.closeAfter {
                var content = ByteBuffer()
                while content.readableBytes <= limit {
                    let wanted = min(65_536, limit + 1 - content.readableBytes)
                    let count = unsafe try content.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { space in
                        unsafe try file.read(into: UnsafeMutableRawBufferPointer(rebasing: space.prefix(wanted)))
                    }
                    if count == 0 { break }
                }
                return content
            }
        } catch Errno.noSuchFileOrDirectory {
            return nil
        } catch {
            throw self.failure("read", error)
        }
    }

    /// Puts `content` in the place of what was there; durable when it returns.
    package func write(_ content: ByteBuffer) throws(BlockError) {
        let path = FilePath(self.path)
        let temporary = self.path + ".new"
        do {
            let file = try FileDescriptor.open(
                FilePath(temporary), .writeOnly, options: [.create, .truncate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead])
            try file.closeAfter {
                try file.writeAll(content.readableBytesView)
                try Self.check(fsync(file.rawValue))
            }
            try Self.check(unsafe rename(temporary, self.path))
            let folder = path.removingLastComponent()
            let parent = try FileDescriptor.open(
                folder.isEmpty ? "." : folder, .readOnly, options: [.directory, .closeOnExec])
            try parent.closeAfter { try Self.check(fsync(parent.rawValue)) }
        } catch {
            throw self.failure("write", error)
        }
    }

    private func failure(_ operation: String, _ error: any Error) -> BlockError {
        let errno = error as? Errno
        return BlockError(
            .unavailable, "\(operation) \(self.path)", errno: errno?.rawValue, reason: errno?.description ?? "\(error)")
    }

    private static func check(_ result: CInt) throws {
        if result != 0 { throw Errno(rawValue: errno) }
    }
}
