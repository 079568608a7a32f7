// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import CLinux
import SystemPackage

import struct NIOCore.ByteBuffer

/// A disk image whose holes are known: its file system tells where data is (SEEK_DATA), and the rest reads as zeroes.
final class SparseFile: Sendable {
    struct Extent: Equatable, Sendable {
        var range: Range<Int>
        /// Whether there is data, else a hole.
        var isData: Bool
    }

    let path: String
    let byteCount: Int
    private let descriptor: FileDescriptor

    init(_ path: String) throws(InitiatorError) {
        self.path = path
        do {
            self.descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
            self.byteCount = Int(try self.descriptor.seek(offset: 0, from: .end))
        } catch {
            throw InitiatorError(.source, "\(path): \(error)")
        }
    }

    deinit {
        try? self.descriptor.close()
    }

    /// Data and holes, in order, from the file's begin to its end.
    func extents() throws(InitiatorError) -> [Extent] {
        var extents: [Extent] = []
        var offset = 0
        while offset < self.byteCount {
            var start = Int(clinux_next_data(self.descriptor.rawValue, off_t(offset)))
            // ENXIO: nothing but a hole is left.
            if start == -Int(Errno.noSuchAddressOrDevice.rawValue) { start = self.byteCount }
            guard start >= 0 else { throw self.error(Errno(rawValue: CInt(-start))) }
            if start > offset {
                extents.append(Extent(range: offset..<min(start, self.byteCount), isData: false))
            }
            guard start < self.byteCount else { break }
            let end = Int(clinux_next_hole(self.descriptor.rawValue, off_t(start)))
            guard end >= 0 else { throw self.error(Errno(rawValue: CInt(-end))) }
            // A file that shrinks meanwhile must not keep us here.
            guard end > start else { throw InitiatorError(.source, "\(self.path) changes while it is read") }
            extents.append(Extent(range: start..<min(end, self.byteCount), isData: true))
            offset = end
        }
        return extents
    }

    /// `count` bytes from `offset` on; what lies beyond the file's end is zeroes.
    func read(_ count: Int, at offset: Int) throws(InitiatorError) -> ByteBuffer {
        var buffer = ByteBuffer()
        let wanted = min(count, self.byteCount - offset)
        do {
            while buffer.readableBytes < wanted {
                let missing = wanted - buffer.readableBytes
                let position = Int64(offset + buffer.readableBytes)
                let count = try unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: missing) { space in
                    // The space is at least as large as asked for.
                    try unsafe self.descriptor.read(
                        fromAbsoluteOffset: position,
                        into: UnsafeMutableRawBufferPointer(rebasing: space[..<missing]))
                }
                guard count > 0 else { throw InitiatorError(.source, "\(self.path) changes while it is read") }
            }
        } catch let error as InitiatorError {
            throw error
        } catch {
            throw InitiatorError(.source, "\(self.path): \(error)")
        }
        buffer.writeRepeatingByte(0, count: count - wanted)
        return buffer
    }

    private func error(_ errno: Errno) -> InitiatorError {
        InitiatorError(.source, "\(self.path): \(errno)")
    }
}
