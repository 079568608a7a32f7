// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import Glibc
internal import SystemPackage

/// Zero-filled memory that the kernel hands out page by page as it is written.
///
/// More addresses are set aside than asked for, where the kernel allows it: a disk can grow into them. They cost nothing
/// until they are written.
///
/// Requests from several threads may touch the same bytes at the same time, as on any disk: the result is one or the
/// other, byte by byte. `@unchecked`: the address is constant, and the bytes are the users' to order.
@safe final class AnonymousMemory: @unchecked Sendable {
    private let bytes: UnsafeMutableRawBufferPointer
    /// How many bytes there are addresses for.
    let count: Int

    init(count: Int) throws(BlockError) {
        guard count > 0 else {
            self.count = 0
            unsafe self.bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
            return
        }
        for wanted in [max(count, Limits.ramAddressBytes), count] {
            // Mapped without a reservation, so that a disk may be larger than memory as long as it is not filled.
            let address = unsafe mmap(
                nil, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | CInt(MAP_ANONYMOUS) | CInt(MAP_NORESERVE), -1, 0)
            guard let address = unsafe address, unsafe address != MAP_FAILED else { continue }
            self.count = wanted
            unsafe self.bytes = UnsafeMutableRawBufferPointer(start: address, count: wanted)
            return
        }
        let errno = Errno(rawValue: errno)
        throw BlockError(.unavailable, "ramdisk of \(count) bytes", errno: errno.rawValue, reason: errno.description)
    }

    deinit {
        if let address = unsafe self.bytes.baseAddress {
            unsafe munmap(address, self.count)
        }
    }

    /// Appends `count` bytes.
    func read(_ count: Int, at offset: Int, into destination: inout OutputRawSpan) {
        precondition(offset >= 0 && count <= self.count - offset)
        // Both ends were checked; the copy initialises what it is counted for.
        unsafe destination.withUnsafeMutableBytes { buffer, initialized in
            let source = unsafe UnsafeRawBufferPointer(rebasing: self.bytes[offset..<(offset + count)])
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[initialized...]).copyMemory(from: source)
            initialized += count
        }
    }

    func write(_ source: RawSpan, at offset: Int) {
        precondition(offset >= 0 && source.byteCount <= self.count - offset)
        // The range was checked above.
        unsafe source.withUnsafeBytes { bytes in
            unsafe UnsafeMutableRawBufferPointer(rebasing: self.bytes[offset...]).copyMemory(from: bytes)
        }
    }

    /// Makes the bytes zero. Whole pages are given back.
    func zero(_ count: Int, at offset: Int) {
        precondition(offset >= 0 && count >= 0 && count <= self.count - offset)
        let page = Limits.pageBytes
        let firstPage = (offset + page - 1) / page * page
        let pageEnd = (offset + count) / page * page
        guard firstPage < pageEnd, let address = unsafe self.bytes.baseAddress else {
            return self.fillWithZeroes(from: offset, to: offset + count)
        }
        self.fillWithZeroes(from: offset, to: firstPage)
        self.fillWithZeroes(from: pageEnd, to: offset + count)
        // Private anonymous pages read as zeroes once they have been given back.
        if unsafe madvise(address + firstPage, pageEnd - firstPage, MADV_DONTNEED) != 0 {
            self.fillWithZeroes(from: firstPage, to: pageEnd)
        }
    }

    /// The offset of the first byte that differs from `expected`, nil when all are equal.
    func firstDifference(at offset: Int, from expected: RawSpan) -> Int? {
        precondition(offset >= 0 && expected.byteCount <= self.count - offset)
        // The range was checked above; both are only read.
        return unsafe expected.withUnsafeBytes { wanted in
            let found = unsafe UnsafeRawBufferPointer(rebasing: self.bytes[offset..<(offset + wanted.count)])
            guard let left = found.baseAddress, let right = wanted.baseAddress,
                unsafe memcmp(left, right, wanted.count) != 0
            else { return nil }
            return unsafe zip(found, wanted).prefix { $0 == $1 }.count
        }
    }

    func isZero(_ count: Int, at offset: Int) -> Bool {
        precondition(offset >= 0 && count >= 0 && count <= self.count - offset)
        // The range was checked above.
        return unsafe UnsafeRawBufferPointer(rebasing: self.bytes[offset..<(offset + count)]).allSatisfy { $0 == 0 }
    }

    private func fillWithZeroes(from start: Int, to end: Int) {
        guard start < end else { return }
        // The callers checked the range.
        unsafe UnsafeMutableRawBufferPointer(rebasing: self.bytes[start..<end]).initializeMemory(
            as: UInt8.self, repeating: 0)
    }
}
