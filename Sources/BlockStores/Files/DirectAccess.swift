// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import CLinux
internal import NIOCore
internal import SystemPackage

/// A file or device, opened once more for reads and writes past the page cache (O_DIRECT).
///
/// Only what is aligned goes there; the rest takes the way through the page cache, and the kernel keeps both coherent: a
/// direct access first writes back, and a direct write then drops, what the cache has of its pages.
struct DirectAccess: Sendable {
    let descriptor: SystemPackage.FileDescriptor
    let memoryAlignment: Int
    private let offsetAlignment: Int

    init(_ medium: OpenMedium, writes: Bool) throws(BlockError) {
        var alignment = clinux_alignment()
        // The call fills in the structure that it is given.
        let result = unsafe clinux_open_direct(medium.descriptor.rawValue, writes, &alignment)
        guard result >= 0 else {
            let errno = Errno(rawValue: -result)
            throw BlockError(
                .unavailable, "open \(medium.path)", errno: errno.rawValue,
                reason: errno == .invalidArgument
                    ? "its file system cannot leave the page cache aside (serve it without direct)" : errno.description)
        }
        self.descriptor = SystemPackage.FileDescriptor(rawValue: result)
        self.memoryAlignment = Int(alignment.memory)
        self.offsetAlignment = Int(alignment.offset)
    }

    func allows(_ offset: UInt64, _ count: Int) -> Bool {
        offset.isMultiple(of: UInt64(self.offsetAlignment)) && count.isMultiple(of: self.offsetAlignment)
    }
}

extension ByteBuffer {
    /// Whether the next byte that is written comes to an address that `alignment` divides.
    mutating func writesAligned(to alignment: Int) -> Bool {
        unsafe self.withUnsafeMutableWritableBytes { Int(bitPattern: $0.baseAddress).isMultiple(of: alignment) }
    }

    /// An empty buffer with room for `byteCount` bytes at an address that `alignment` divides.
    static func aligned(_ byteCount: Int, to alignment: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(byteCount + alignment - 1)
        let skipped = unsafe buffer.withUnsafeMutableWritableBytes { bytes in
            // Only the address is looked at.
            (alignment - Int(bitPattern: bytes.baseAddress) % alignment) % alignment
        }
        buffer.moveWriterIndex(to: skipped)
        buffer.moveReaderIndex(to: skipped)
        return buffer
    }

    /// The same bytes at an address that `alignment` divides: these, or a copy.
    func aligned(to alignment: Int) -> ByteBuffer {
        // Only the address is looked at.
        let misplaced = unsafe self.withUnsafeReadableBytes { Int(bitPattern: $0.baseAddress) % alignment }
        guard misplaced != 0 else { return self }
        var copy = ByteBuffer.aligned(self.readableBytes, to: alignment)
        copy.writeImmutableBuffer(self)
        return copy
    }
}
