// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import CLinux
import Glibc
import NIOCore
import SystemPackage

/// System calls on files that swift-system has not (yet), throwing what they say.
enum SystemFiles {
    /// When the file was modified last, since 1970; 0 where there is none.
    static func modifiedNanoseconds(_ path: String) -> Int64 {
        var nanoseconds: Int64 = 0
        // The path is copied by the call, which writes one integer.
        _ = unsafe clinux_modified(path, &nanoseconds)
        return nanoseconds
    }

    /// How long the file is; 0 where there is none.
    static func bytes(_ path: String) -> Int64 {
        (try? FilePath(path).stat())?.size ?? 0
    }

    static func read(_ path: String) throws -> ByteBuffer {
        let file = try SystemPackage.FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
        return try file.closeAfter {
            var content = ByteBuffer()
            while true {
                let count = unsafe try content.writeWithUnsafeMutableBytes(minimumWritableBytes: 65_536) { space in
                    unsafe try file.read(into: space)
                }
                if count == 0 { return content }
            }
        }
    }

    /// Writes the file at `path` anew, for its owner alone; durable when it returns.
    static func writeSecret(_ text: ByteBuffer, to path: String) throws {
        let file = try SystemPackage.FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
        try file.closeAfter {
            // One that was put here by hand, or left over, may have had another mode.
            try Self.check(fchmod(file.rawValue, 0o600))
            try file.writeAll(text.readableBytesView)
            try Self.sync(file)
        }
    }

    /// Writes from `offset` on, where the file at `path` then ends, for its owner alone; durable when it returns. The file is
    /// made where there is none; where the writing fails it ends at `offset`.
    static func writeSecret(_ text: ByteBuffer, to path: String, at offset: Int) throws {
        let file = try SystemPackage.FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
        try file.closeAfter {
            try Self.check(ftruncate(file.rawValue, offset))
            do {
                try file.writeAll(toAbsoluteOffset: Int64(offset), text.readableBytesView)
                try Self.sync(file)
            } catch {
                // What is behind the last whole line counts for nothing in any case.
                _ = ftruncate(file.rawValue, offset)
                throw error
            }
        }
    }

    /// Nil where there is no file.
    static func inode(_ path: String) -> UInt64? {
        (try? FilePath(path).stat()).map { UInt64($0.inode.rawValue) }
    }

    /// Puts a small file in its place, whole.
    static func write(_ text: String, to path: String, mode: mode_t) throws {
        let temporary = path + ".new"
        try Self.writeSecret(ByteBuffer(string: text), to: temporary)
        try Self.setMode(temporary, mode)
        try Self.giveToOwnerOfFolder(temporary)
        try Self.rename(temporary, to: path)
        try Self.syncFolder(Self.folder(of: path))
    }

    static func sync(_ file: SystemPackage.FileDescriptor) throws {
        try Self.check(fsync(file.rawValue))
    }

    /// Makes the names in `folder` durable.
    static func syncFolder(_ folder: String) throws {
        let file = try SystemPackage.FileDescriptor.open(
            FilePath(folder), .readOnly, options: [.directory, .closeOnExec])
        try file.closeAfter { try Self.sync(file) }
    }

    static func rename(_ path: String, to other: String) throws {
        try Self.check(unsafe Glibc.rename(path, other))
    }

    /// Gives the file at `path` a second name.
    static func link(_ path: String, _ other: String) throws {
        try Self.check(unsafe Glibc.link(path, other))
    }

    static func remove(_ path: String) throws {
        try Self.check(unsafe Glibc.unlink(path))
    }

    static func exists(_ path: String) -> Bool {
        unsafe Glibc.access(path, F_OK) == 0
    }

    static func setMode(_ path: String, _ mode: mode_t) throws {
        try Self.check(unsafe Glibc.chmod(path, mode))
    }

    static func setGroup(_ path: String, _ group: gid_t) throws {
        try Self.check(unsafe Glibc.chown(path, .max, group))
    }

    /// Gives a file that root made to the owner of its folder: the daemon that has to read it may be another user.
    static func giveToOwnerOfFolder(_ path: String) throws {
        guard geteuid() == 0 else { return }
        let folder = try FilePath(Self.folder(of: path)).stat()
        try Self.check(unsafe Glibc.chown(path, folder.userID.rawValue, folder.groupID.rawValue))
    }

    /// Creates the folder and those above it that are missing.
    static func makeFolder(_ path: String, mode: mode_t) throws {
        let path = FilePath(path)
        var made = FilePath(root: path.root)
        for part in path.components {
            made.append(part)
            guard !Self.exists(made.string) else { continue }
            do {
                try Self.check(unsafe Glibc.mkdir(made.string, mode))
            } catch Errno.fileExists {
                continue
            }
        }
    }

    /// The names in `folder`, without `.` and `..`; none where there is no such folder.
    static func names(in folder: String) -> [String] {
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The folder that `path` is in.
    static func folder(of path: String) -> String {
        let parent = FilePath(path).removingLastComponent().string
        return parent.isEmpty ? "." : parent
    }

    private static func check(_ result: CInt) throws {
        if result != 0 { throw Errno(rawValue: errno) }
    }
}
