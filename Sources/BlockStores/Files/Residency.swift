// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Glibc
internal import SystemPackage

/// Tells which of a file's pages are in memory and up to date, by a mapping of the file that nobody reads.
@safe
final class Residency: Sendable {
    /// Only given to system calls, until `deinit`.
    private nonisolated(unsafe) let base: UnsafeMutableRawPointer
    private let byteCount: Int
    private let descriptor: CInt
    /// A device cannot shrink, and tells no size here.
    private let isFile: Bool

    /// Nil where the kernel does not tell: it does to those who own the file or may write to it.
    init?(_ descriptor: SystemPackage.FileDescriptor, byteCount: UInt64) {
        var status = stat()
        // C functions that fill in a structure, and read a path.
        guard let byteCount = Int(exactly: byteCount), unsafe fstat(descriptor.rawValue, &status) == 0 else {
            return nil
        }
        let isWritable = unsafe access("/proc/self/fd/\(descriptor.rawValue)", W_OK) == 0
        guard isWritable || status.st_uid == geteuid(),
            let base = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED | MAP_NORESERVE, descriptor.rawValue, 0),
            unsafe base != MAP_FAILED
        else { return nil }
        unsafe self.base = base
        self.byteCount = byteCount
        self.descriptor = descriptor.rawValue
        self.isFile = status.st_mode & S_IFMT == S_IFREG
    }

    /// Whether all of the range is there. The kernel may take it away at any time, but hardly does so at once.
    func holds(_ offset: UInt64, _ count: Int) -> Bool {
        guard let offset = Int(exactly: offset), count > 0, offset <= self.byteCount - count else { return false }
        if self.isFile {
            // A file that somebody has cut may still have pages beyond its end, of which nothing could be sent.
            var status = stat()
            // A C structure that the call fills in.
            guard unsafe fstat(self.descriptor, &status) == 0, offset + count <= Int(status.st_size) else {
                return false
            }
        }
        let page = Limits.pageBytes
        let start = offset / page * page
        let pages = (offset + count - start + page - 1) / page
        // The call fills in a byte a page, of which the lowest bit counts.
        return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: pages) { states in
            guard let first = states.baseAddress,
                unsafe mincore(self.base + start, offset + count - start, first) == 0
            else { return false }
            return unsafe states.allSatisfy { $0 & 1 == 1 }
        }
    }

    deinit {
        _ = unsafe munmap(self.base, self.byteCount)
    }
}
