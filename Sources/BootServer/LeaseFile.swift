// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Glibc
import NIOCore
import SystemPackage

/// Where leases are kept over a restart. Everything here blocks while the file system does.
struct LeaseFile: Sendable {
    let path: String

    /// What was kept; nothing where nothing was, or where it cannot be read, for a machine asks again at any rate.
    func read(now: (clock: UInt64, epoch: UInt64)) -> [Lease] {
        guard let file = try? OpenFile(self.path), file.size <= Limits.leaseFileBytesMax,
            let bytes = try? file.read(offset: 0, count: file.size)
        else { return [] }
        return LeaseText.read(String(buffer: bytes), now: now)
    }

    /// Puts `text` in the place of what was there: a crash leaves the old file or the new one.
    func write(_ text: String) throws {
        // The state folder may not be there yet; if it cannot be made, opening says why.
        _ = unsafe mkdir(FilePath(self.path).removingLastComponent().string, 0o755)
        let temporary = self.path + ".new"
        let file = try SystemPackage.FileDescriptor.open(
            FilePath(temporary), .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try file.closeAfter {
            try file.writeAll(text.utf8)
            guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
        }
        guard unsafe rename(temporary, self.path) == 0 else { throw Errno(rawValue: errno) }
    }

    /// This moment on the services' clock and in seconds since 1970.
    static func now() -> (clock: UInt64, epoch: UInt64) {
        (NIODeadline.milliseconds / 1000, UInt64(max(0, time(nil))))
    }
}
