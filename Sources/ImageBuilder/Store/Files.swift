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

    /// Steps change folders, so that a relative path would lead elsewhere.
    static func absolute(_ path: FilePath) -> FilePath {
        guard path.isRelative, let folder = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(folder) }
        return unsafe FilePath(platformString: folder).pushing(path).lexicallyNormalized()
    }

    static func isFolder(_ path: FilePath) -> Bool {
        var information = stat()
        return unsafe stat(path.string, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
    }

    /// Whether the name itself is a symbolic link.
    static func isLink(_ path: FilePath) -> Bool {
        var information = stat()
        return unsafe lstat(path.string, &information) == 0 && information.st_mode & S_IFMT == S_IFLNK
    }

    /// The size and the time of the last change, in nanoseconds: another one of either means another content.
    static func fingerprint(_ path: FilePath) throws -> String {
        var information = stat()
        guard unsafe stat(path.string, &information) == 0 else { throw Errno(rawValue: errno) }
        let time = information.st_mtim
        return "\(path) \(information.st_size) \(time.tv_sec).\(time.tv_nsec)"
    }

    static func isExecutable(_ path: FilePath) -> Bool {
        var information = stat()
        return unsafe stat(path.string, &information) == 0 && information.st_mode & S_IXUSR != 0
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

    static func resize(_ path: FilePath, to sizeBytes: UInt64) throws {
        let file = try FileDescriptor.open(path, .writeOnly, options: [.closeOnExec])
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

    /// A part of a file; less where it ends.
    static func read(_ path: FilePath, at offset: UInt64, count: Int) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        defer { try? file.close() }
        return try unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let piece = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                let read = try unsafe file.read(fromAbsoluteOffset: Int64(offset) + Int64(filled), into: piece)
                guard read > 0 else { return }
                filled += read
            }
        }
    }

    /// Makes what was written to a file or folder survive a loss of power.
    static func synchronize(_ path: FilePath) throws {
        let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec])
        defer { try? file.close() }
        guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    static func size(_ path: FilePath) throws -> UInt64 {
        var information = stat()
        guard unsafe stat(path.string, &information) == 0 else { throw Errno(rawValue: errno) }
        return UInt64(max(0, information.st_size))
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

    static func rename(_ path: FilePath, to other: FilePath) throws {
        guard unsafe renameat(AT_FDCWD, path.string, AT_FDCWD, other.string) == 0 else { throw Errno(rawValue: errno) }
    }

    static func remove(_ path: FilePath) throws {
        guard unsafe unlink(path.string) == 0 else { throw Errno(rawValue: errno) }
    }

    /// Gives `new` the name of `old`; what had that name is at `aside` afterwards.
    static func replace(_ old: FilePath, with new: FilePath, aside: FilePath) throws {
        var hadOld = true
        do { try self.rename(old, to: aside) } catch Errno.noSuchFileOrDirectory { hadOld = false }
        do {
            try self.rename(new, to: old)
        } catch {
            if hadOld { try? self.rename(aside, to: old) }
            throw error
        }
    }
}
