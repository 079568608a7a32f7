// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the build does with files that swift-system has no call for.
enum Files {
    static func exists(_ path: FilePath) -> Bool {
        unsafe access(path.string, F_OK) == 0
    }

    static func isUsable(_ path: String) -> Bool {
        unsafe access(path, R_OK) == 0
    }

    static func makeFolder(_ path: FilePath, mode: mode_t) throws {
        guard unsafe mkdir(path.string, mode) == 0 else { throw Errno(rawValue: errno) }
    }

    /// A sparse file of a size, in place of whatever had its name.
    static func makeSparse(_ path: FilePath, sizeBytes: UInt64) throws {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead])
        defer { try? file.close() }
        try file.resize(to: Int64(sizeBytes))
    }

    static func write(_ bytes: [UInt8], to path: FilePath, mode: FilePermissions) throws {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: mode)
        defer { try? file.close() }
        try file.writeAll(bytes)
    }

    static func write(_ bytes: [UInt8], into path: FilePath, at offset: UInt64) throws {
        let file = try FileDescriptor.open(path, .writeOnly, options: [.closeOnExec])
        defer { try? file.close() }
        try file.writeAll(toAbsoluteOffset: Int64(offset), bytes)
    }

    static func read(_ path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        defer { try? file.close() }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = try unsafe piece.withUnsafeMutableBytes { try unsafe file.read(into: $0) }
            guard count > 0 else { return bytes }
            bytes += piece.prefix(count)
        }
    }

    /// Makes what was written to a file or folder survive a loss of power.
    static func synchronize(_ path: FilePath) throws {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        defer { try? file.close() }
        guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    /// What a file takes of its file system, holes not counted.
    static func usedBytes(_ path: FilePath) throws -> UInt64 {
        var information = stat()
        guard unsafe stat(path.string, &information) == 0 else { throw Errno(rawValue: errno) }
        return UInt64(max(0, information.st_blocks)) * 512
    }

    /// What this user may still write to the file system of a folder.
    static func freeBytes(_ path: FilePath) throws -> UInt64 {
        var information = statvfs()
        guard unsafe statvfs(path.string, &information) == 0 else { throw Errno(rawValue: errno) }
        return UInt64(information.f_bavail) * UInt64(information.f_frsize)
    }

    /// Gives `new` the name of `old`; what had that name is at `aside` afterwards.
    static func replace(_ old: FilePath, with new: FilePath, aside: FilePath) throws {
        let hadOld = unsafe rename(old.string, aside.string) == 0
        guard hadOld || errno == ENOENT else { throw Errno(rawValue: errno) }
        guard unsafe rename(new.string, old.string) == 0 else {
            let cause = Errno(rawValue: errno)
            if hadOld { _ = unsafe rename(aside.string, old.string) }
            throw cause
        }
    }
}
