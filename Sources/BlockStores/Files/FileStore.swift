// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import NIOPosix

/// A raw disk image in a file: byte n of the disk is byte n of the file.
///
/// - Reads that the page cache can serve are done inline, straight into the caller's buffer; the others by a ring of the
///   caller's event loop, or by a thread.
/// - Writes go to the page cache inline where that takes no waiting; see `InlineWrites` for what is known of that.
/// - Flushes are grouped, and a failed one sticks; see `FlushGroup`.
/// - Unmapped blocks are punched out of the file, so a sparse file stays sparse.
/// - While the file is open for writing no other Apus, and no QEMU, can open it.
package final class FileStore: GrowingStore, FileBackedStore {
    /// How to open the file.
    package struct Options: Sendable {
        /// Bytes. A file that is not there is created with this size, a shorter one extended, a longer one left alone.
        package var size: UInt64?
        /// Bytes per logical block.
        package var blockSize: Int
        package var readOnly: Bool
        /// Whether a write may be replied to before it is on stable storage (write-back).
        package var writeCache: Bool
        /// Whether unmapped blocks are given back to the file system.
        package var thin: Bool
        /// Whether a file that is created or extended gets all of its space at once.
        package var reserves: Bool
        /// Whether reads and writes go past the page cache (O_DIRECT), as far as they are aligned.
        package var isDirect: Bool

        package init(
            size: UInt64? = nil, blockSize: Int = 512, readOnly: Bool = false, writeCache: Bool = true,
            thin: Bool = true, reserves: Bool = false, isDirect: Bool = false
        ) {
            self.size = size
            self.blockSize = blockSize
            self.readOnly = readOnly
            self.writeCache = writeCache
            self.thin = thin
            self.reserves = reserves
            self.isDirect = isDirect
        }
    }

    package let info: BlockInfo
    /// What opening did to the file.
    package let origin: Origin
    private let engine: MediumEngine

    package enum Origin: Sendable, Hashable {
        case created
        case existing
        case extended(from: UInt64)
    }

    /// Opens, or creates, the file at `path`. Blocking work is done by `rings`, as far as they can, and on `pool`.
    package init(
        path: String, options: Options = Options(), pool: NIOThreadPool, rings: LoopRings? = nil
    ) throws(BlockError) {
        let opened = try FileOpening.open(path: path, options: options)
        self.origin = opened.origin
        self.info = opened.info
        self.engine = MediumEngine(medium: opened.medium, info: opened.info, pool: pool, rings: rings)
    }

    package func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        try self.engine.readNow(range, into: &destination)
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        try self.engine.writeNow(range, from: source)
    }

    package var descriptor: CInt { self.engine.descriptor }

    package func canSend(_ range: BlockRange) -> Bool {
        self.engine.canSend(range)
    }

    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        self.engine.perform(request, completion: completion)
    }

    package func grow(to bytes: UInt64?) throws(BlockError) -> UInt64 {
        let wanted = self.info.capabilities.contains(.readOnly) ? nil : bytes
        return try FileOpening.grow(self.engine.medium, to: wanted) / UInt64(self.info.geometry.blockSize)
    }

    package func close() throws(BlockError) {
        try self.engine.close()
    }
}
