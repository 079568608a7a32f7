// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import Glibc
package import NIOPosix

extension EncryptedStore {
    /// Opens, or creates, the file at `path` with the key beside it, `disk.img.key`.
    ///
    /// A key is made only together with the file: one that is there without a key holds something else than what a new
    /// key would make of it.
    package static func file(
        path: String, options: FileStore.Options = .init(), pool: NIOThreadPool, rings: LoopRings? = nil
    ) throws(BlockError) -> EncryptedStore {
        let keyPath = Self.keyPath(path)
        if let key = try MediumKey.read(keyPath) {
            return EncryptedStore(
                try FileStore(path: path, options: options, pool: pool, rings: rings), key: key, pool: pool)
        }
        // The C function reads the path and keeps nothing.
        guard unsafe access(path, F_OK) != 0 else {
            throw BlockError(
                .unavailable, "open \(path)",
                reason: "it is there but its key \(keyPath) is not (serve it unencrypted, or name a new file)")
        }
        let key = try MediumKey.create(keyPath)
        do {
            return EncryptedStore(
                try FileStore(path: path, options: options, pool: pool, rings: rings), key: key, pool: pool)
        } catch {
            // The C function reads the path and keeps nothing. A key without a file is of no use.
            _ = unsafe unlink(keyPath)
            throw error
        }
    }

    package static func keyPath(_ path: String) -> String { path + ".key" }

    /// A disk in memory, encrypted with a key in memory: an erase of all of it is a matter of a moment.
    package static func memory(_ store: RAMStore, pool: NIOThreadPool) -> EncryptedStore {
        EncryptedStore(store, key: .inMemory(), pool: pool)
    }
}
