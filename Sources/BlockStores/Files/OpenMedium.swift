// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import CLinux
internal import Glibc
internal import NIOCore
internal import SystemPackage

/// An open file or block device, addressed in bytes. Every method may block, except `readCached`.
struct OpenMedium: Sendable {
    enum Kind: Sendable {
        case file
        case device
    }

    let descriptor: SystemPackage.FileDescriptor
    let path: String
    let kind: Kind
    /// Whether the file's blocks are always at hand: tmpfs knows no RWF_NOWAIT (Linux 6.18), and needs none.
    let isInMemory: Bool
    /// Where reads and writes go past the page cache.
    let direct: DirectAccess?

    init(
        descriptor: SystemPackage.FileDescriptor, path: String, kind: Kind, direct: DirectAccess? = nil
    ) {
        self.descriptor = descriptor
        self.path = path
        self.kind = kind
        self.isInMemory = clinux_is_in_memory(descriptor.rawValue)
        if kind == .file { clinux_leave_access_time(descriptor.rawValue) }
        self.direct = direct
    }

    /// The same medium, with reads and writes that go past the page cache.
    func openedDirectly(writes: Bool) throws(BlockError) -> OpenMedium {
        OpenMedium(
            descriptor: self.descriptor, path: self.path, kind: self.kind,
            direct: try DirectAccess(self, writes: writes))
    }

    /// What the address of memory for reads and writes should be a multiple of.
    var memoryAlignment: Int { self.direct?.memoryAlignment ?? 1 }

    /// The descriptor for a read or write of aligned memory.
    func descriptor(at offset: UInt64, _ count: Int) -> SystemPackage.FileDescriptor {
        guard let direct, direct.allows(offset, count) else { return self.descriptor }
        return direct.descriptor
    }

    /// A failure of `operation`, with what the system said.
    func error(_ kind: BlockError.Kind, _ operation: String, _ errno: Errno) -> BlockError {
        let full = errno == .noSpace || errno.rawValue == EDQUOT
        return BlockError(
            kind == .write && full ? .full : kind, "\(operation) \(self.path)",
            errno: errno.rawValue, reason: errno.description)
    }

    /// Appends `count` bytes from `offset` if the page cache has them all.
    func readCached(_ count: Int, at offset: UInt64, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        guard self.direct == nil else { return false }
        precondition(destination.freeCapacity >= count)
        // The system call fills raw memory; only the bytes it says it filled are counted as initialised.
        let result = unsafe destination.withUnsafeMutableBytes { buffer, initialized in
            let bytes = unsafe clinux_read_now(
                self.descriptor.rawValue, buffer.baseAddress?.advanced(by: initialized), count, off_t(offset),
                self.isInMemory)
            if bytes == count { initialized += bytes }
            return bytes
        }
        if result == count { return true }
        // A short read found the rest missing from the cache; the pool reads it all.
        guard result < 0 else { return false }
        switch Errno(rawValue: CInt(-result)) {
        case .wouldBlock, .notSupported, .interrupted, .invalidArgument: return false
        case let errno: throw self.error(.read, "read \(count) bytes at \(offset) of", errno)
        }
    }

    /// Appends `count` bytes from `offset`, to memory that is aligned where it goes past the page cache.
    func read(_ count: Int, at offset: UInt64, into buffer: inout ByteBuffer) throws(BlockError) {
        var done = 0
        var failure: BlockError?
        buffer.reserveCapacity(minimumWritableBytes: count)
        let isAligned = buffer.writesAligned(to: self.memoryAlignment)
        let descriptor = isAligned ? self.descriptor(at: offset, count) : self.descriptor
        while done < count, failure == nil {
            // The system call fills raw memory; the count it returns is what becomes readable.
            let bytes = unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count - done) { memory in
                let piece = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[..<(count - done)])
                do {
                    return try unsafe descriptor.read(fromAbsoluteOffset: Int64(offset) + Int64(done), into: piece)
                } catch let errno as Errno {
                    failure = self.error(.read, "read \(count) bytes at \(offset) of", errno)
                } catch {
                    failure = BlockError(.read, "read \(self.path)", reason: "\(error)")
                }
                return 0
            }
            if bytes == 0, failure == nil {
                failure = BlockError(.read, "read \(count) bytes at \(offset) of \(self.path)", reason: "it has shrunk")
            }
            done += bytes
        }
        if let failure { throw failure }
    }

    /// Writes all of `source` at `offset`.
    func write(_ source: RawSpan, at offset: UInt64) throws(BlockError) {
        let result: Result<Void, BlockError> = unsafe source.withUnsafeBytes { bytes in
            let isAligned = Int(bitPattern: bytes.baseAddress).isMultiple(of: self.memoryAlignment)
            let descriptor = isAligned ? self.descriptor(at: offset, bytes.count) : self.descriptor
            do {
                _ = try unsafe descriptor.writeAll(toAbsoluteOffset: Int64(offset), bytes)
                return .success(())
            } catch let errno as Errno {
                return .failure(self.error(.write, "write \(bytes.count) bytes at \(offset) of", errno))
            } catch {
                return .failure(BlockError(.write, "write \(self.path)", reason: "\(error)"))
            }
        }
        try result.get()
    }

    /// Makes everything written durable.
    func sync() throws(BlockError) {
        while fdatasync(self.descriptor.rawValue) < 0 {
            let errno = Errno(rawValue: errno)
            guard errno == .interrupted else {
                throw self.error(.write, "flush", errno)
            }
        }
    }

    /// Gives the range's space back: it reads as zeroes afterwards.
    func punchHole(at offset: UInt64, _ count: UInt64) throws(BlockError) {
        let result =
            switch self.kind {
            case .file: clinux_punch_hole(self.descriptor.rawValue, off_t(offset), off_t(count))
            case .device: clinux_device_discard(self.descriptor.rawValue, offset, count)
            }
        guard result < 0 else { return }
        throw self.error(.write, "unmap \(count) bytes at \(offset) of", Errno(rawValue: -result))
    }

    /// Makes the range read as zeroes.
    func zero(at offset: UInt64, _ count: UInt64, mayUnmap: Bool) throws(BlockError) {
        if mayUnmap, self.kind == .file {
            return try self.punchHole(at: offset, count)
        }
        let result =
            switch self.kind {
            case .file: clinux_zero_range(self.descriptor.rawValue, off_t(offset), off_t(count))
            case .device: clinux_device_zero(self.descriptor.rawValue, offset, count)
            }
        guard result < 0 else { return }
        switch Errno(rawValue: -result) {
        case .notSupported, .invalidArgument, .noFunction:
            try self.fill(at: offset, count, with: ByteBuffer(repeating: 0, count: Limits.pageBytes))
        case let errno:
            throw self.error(.write, "zero \(count) bytes at \(offset) of", errno)
        }
    }

    /// What is kept for the bytes at `offset`, and for how many of the `count` there alike. What a device's blocks take
    /// cannot be asked: they count as mapped.
    func extent(at offset: UInt64, _ count: UInt64) -> (count: UInt64, state: ProvisioningState) {
        let start = off_t(offset)
        let data = self.kind == .file ? clinux_next_data(self.descriptor.rawValue, start) : start
        switch data {
        case start:
            let hole = self.kind == .file ? clinux_next_hole(self.descriptor.rawValue, start) : -1
            return (hole > start ? min(UInt64(hole - start), count) : count, .mapped)
        case (start + 1)...:
            return self.hole(at: offset, min(UInt64(data - start), count))
        default:
            return data == off_t(-ENXIO) ? self.hole(at: offset, count) : (count, .mapped)
        }
    }

    /// Where there is no data there may be space for it. (Zeroes of such space that were read lie in the page cache, and
    /// count as mapped until it forgets them.)
    private func hole(at offset: UInt64, _ count: UInt64) -> (count: UInt64, state: ProvisioningState) {
        var alike: UInt64 = count
        // The call fills in the number that it is given.
        let reserved = unsafe clinux_is_reserved(self.descriptor.rawValue, offset, count, &alike)
        return (max(min(alike, count), 1), reserved > 0 ? .anchored : .deallocated)
    }

    /// What the file takes of its file system, and what is left there.
    func usage() throws(BlockError) -> BlockReply {
        var status = stat()
        var system = statvfs()
        // C structures that the calls fill in.
        guard unsafe fstat(self.descriptor.rawValue, &status) == 0,
            unsafe fstatvfs(self.descriptor.rawValue, &system) == 0
        else { throw self.error(.read, "look at", Errno(rawValue: errno)) }
        return .usage(
            takenBytes: UInt64(status.st_blocks) * 512, freeBytes: UInt64(system.f_bavail) * UInt64(system.f_frsize))
    }

    /// Writes `pattern` over and over, as often as `count` bytes hold it.
    func fill(at offset: UInt64, _ count: UInt64, with pattern: ByteBuffer) throws(BlockError) {
        // At least once: the pattern may be longer than what is to be filled.
        let repeats = max(1, min(count, UInt64(Limits.pieceBytes)) / UInt64(pattern.readableBytes))
        var piece = ByteBuffer()
        piece.reserveCapacity(Int(repeats) * pattern.readableBytes)
        for _ in 0..<repeats {
            piece.writeImmutableBuffer(pattern)
        }
        var done: UInt64 = 0
        while done < count {
            let length = min(count - done, UInt64(piece.readableBytes))
            try self.write(piece.readableBytesSpan.extracting(first: Int(length)), at: offset + done)
            done += length
        }
    }

    /// The offset of the first byte from `offset` on that differs from `expected`, nil when all are equal.
    func firstDifference(at offset: UInt64, from expected: ByteBuffer) throws(BlockError) -> Int? {
        var done = 0
        var piece = ByteBuffer()
        while done < expected.readableBytes {
            let length = min(expected.readableBytes - done, Limits.pieceBytes)
            piece.clear()
            try self.read(length, at: offset + UInt64(done), into: &piece)
            let wanted = expected.getSlice(at: expected.readerIndex + done, length: length) ?? ByteBuffer()
            if piece != wanted {
                let pairs = zip(piece.readableBytesView, wanted.readableBytesView)
                return done + pairs.prefix { $0 == $1 }.count
            }
            done += length
        }
        return nil
    }

    func close() throws(BlockError) {
        _ = clinux_unlock(self.descriptor.rawValue)
        do {
            try self.direct?.descriptor.close()
            try self.descriptor.close()
        } catch let errno as Errno {
            throw self.error(.write, "close", errno)
        } catch {
            throw BlockError(.write, "close \(self.path)", reason: "\(error)")
        }
    }
}
