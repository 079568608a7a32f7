// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import NIOPosix

/// A block device of the host: a disk, a partition, a logical volume.
///
/// It is opened exclusively, which the kernel refuses while the device is mounted, a member of an array, or opened so by
/// another program. Logical and physical block sizes are the device's own. Unmapping discards; what discarded blocks
/// read as is the device's secret, so LBPRZ is not claimed.
package final class BlockDeviceStore: GrowingStore, FileBackedStore {
    package struct Options: Sendable {
        package var readOnly: Bool
        /// Whether a write may be replied to before it is on stable storage (write-back).
        package var writeCache: Bool
        /// Whether unmapped blocks are discarded, where the device can.
        package var thin: Bool
        /// Whether reads and writes go past the page cache (O_DIRECT).
        package var isDirect: Bool

        package init(readOnly: Bool = false, writeCache: Bool = true, thin: Bool = true, isDirect: Bool = false) {
            self.readOnly = readOnly
            self.writeCache = writeCache
            self.thin = thin
            self.isDirect = isDirect
        }
    }

    package let info: BlockInfo
    private let engine: MediumEngine

    package init(
        path: String, options: Options = Options(), pool: NIOThreadPool, rings: LoopRings? = nil
    ) throws(BlockError) {
        let (medium, info) = try DeviceOpening.open(path: path, options: options)
        self.info = info
        self.engine = MediumEngine(medium: medium, info: info, pool: pool, rings: rings)
    }

    /// Whether there is a block device at `path`.
    package static func isDevice(_ path: String) -> Bool {
        DeviceOpening.isDevice(path)
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

    /// A device's size is its owner's business: it is only looked at.
    package func grow(to bytes: UInt64?) throws(BlockError) -> UInt64 {
        try DeviceOpening.size(of: self.engine.medium) / UInt64(self.info.geometry.blockSize)
    }

    package func close() throws(BlockError) {
        try self.engine.close()
    }
}
