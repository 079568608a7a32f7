// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The attributes of a storage object that change what initiators see of it; nil leaves it to the store.
///
/// All others are kept in the configuration and have no effect.
package struct BackstoreAttributes: Hashable, Sendable {
    /// `block_size`: bytes of a logical block of a file or RAM disk; a device has its own.
    package var blockSize: Int?
    /// `emulate_write_cache`: whether a write may be answered before it is on stable storage (WCE).
    package var writeCache: Bool?
    /// `emulate_tpu` or `emulate_tpws`: whether blocks can be unmapped.
    package var unmaps: Bool?
    /// `is_nonrot`, the other way round.
    package var isRotational: Bool?
    /// `max_unmap_lba_count`: the most blocks that one UNMAP may have.
    package var maxUnmapBlocks: UInt32?
    /// `encrypt`, which LIO has not: what a file or RAM disk holds is encrypted, and can be erased with its key.
    package var encrypts: Bool?
    /// `sparse`, which targetcli knows and LIO has not, the other way round: a new file gets all of its space at once.
    package var reserves: Bool?

    package init(
        blockSize: Int? = nil, writeCache: Bool? = nil, unmaps: Bool? = nil, isRotational: Bool? = nil,
        maxUnmapBlocks: UInt32? = nil, encrypts: Bool? = nil, reserves: Bool? = nil
    ) {
        self.blockSize = blockSize
        self.writeCache = writeCache
        self.unmaps = unmaps
        self.isRotational = isRotational
        self.maxUnmapBlocks = maxUnmapBlocks
        self.encrypts = encrypts
        self.reserves = reserves
    }

    init(of object: StorageObject) {
        func number(_ name: String) -> Int? {
            switch object.attributes?[name] {
            case .integer(let value): value
            case .boolean(let value): value ? 1 : 0
            case .string(let text): Int(text)
            default: nil
            }
        }
        let unmapping = [number("emulate_tpu"), number("emulate_tpws")].compactMap(\.self)
        self.init(
            blockSize: number("block_size"), writeCache: number("emulate_write_cache").map { $0 != 0 },
            unmaps: unmapping.isEmpty ? nil : unmapping.contains { $0 != 0 },
            isRotational: number("is_nonrot").map { $0 == 0 },
            // LIO writes 0 where nobody chose a bound.
            maxUnmapBlocks: number("max_unmap_lba_count").flatMap { $0 > 0 ? UInt32(clamping: $0) : nil },
            encrypts: number("encrypt").map { $0 != 0 }, reserves: number("sparse").map { $0 == 0 })
    }
}
