// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
import BlockStores
package import Model
package import NIOPosix

/// Opens backstores on this host's files and memory.
package struct FileStoreOpening: StoreOpening {
    private let pool: NIOThreadPool

    /// `pool` does the stores' blocking work; it outlives them.
    package init(pool: NIOThreadPool) {
        self.pool = pool
    }

    package func open(_ backstore: Backstore) async throws -> any BlockStore {
        let pool = self.pool
        return try await pool.runIfActive { try Self.open(backstore, pool) }
    }

    private static func open(_ backstore: Backstore, _ pool: NIOThreadPool) throws -> any BlockStore {
        switch backstore.kind {
        case .file(let path, let size, let writeBack, let original):
            if let original, !SystemFiles.exists(path) {
                try ClientDisk.make(path, copyOf: original, size: size)
            }
            return try FileStore(
                path: path,
                options: .init(
                    size: size.map { UInt64($0) }, readOnly: backstore.isReadOnly, writeCache: writeBack),
                pool: pool)
        case .block(let path):
            return try FileStore(path: path, options: .init(readOnly: backstore.isReadOnly), pool: pool)
        case .ramdisk(let size, let forgetful):
            return try RAMStore(size: UInt64(size), discards: forgetful)
        }
    }
}
