// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Blocks that follow one another.
public struct BlockRange: Hashable, Sendable {
    /// The first block's logical block address.
    public var lba: UInt64
    /// How many blocks.
    public var count: UInt32

    @inlinable
    public init(lba: UInt64, count: UInt32) {
        self.lba = lba
        self.count = count
    }
}

/// How a store's bytes are divided into blocks.
public struct BlockGeometry: Hashable, Sendable {
    /// Bytes per logical block: 512 or 4096.
    public var blockSize: Int
    /// Logical blocks per physical block, as a power of two (SBC-3 READ CAPACITY (16)).
    public var physicalBlockExponent: UInt8
    /// Blocks in all.
    public var blockCount: UInt64

    public init(blockSize: Int, physicalBlockExponent: UInt8 = 0, blockCount: UInt64) {
        precondition(blockSize >= 512 && blockSize & (blockSize - 1) == 0)
        self.blockSize = blockSize
        self.physicalBlockExponent = physicalBlockExponent
        self.blockCount = blockCount
    }

    /// Whether every block of `range` exists.
    @inlinable
    public func contains(_ range: BlockRange) -> Bool {
        let (end, overflow) = range.lba.addingReportingOverflow(UInt64(range.count))
        return !overflow && end <= self.blockCount
    }

    /// The size of `range` in bytes.
    @inlinable
    public func byteCount(_ range: BlockRange) -> Int {
        Int(range.count) * self.blockSize
    }

    /// The offset of `lba` in bytes.
    @inlinable
    public func byteOffset(_ lba: UInt64) -> UInt64 {
        lba * UInt64(self.blockSize)
    }
}

/// What a store is: constant from open to close.
public struct BlockInfo: Sendable {
    public var geometry: BlockGeometry
    public var capabilities: BlockCapabilities
    /// The most blocks that one `unmap` range may have; 0 where the store cannot unmap.
    public var maxUnmapBlocks: UInt32
    /// The most blocks that one `writeAtomic` may have; 0 where the store cannot promise any.
    public var maxAtomicBlocks: UInt32

    public init(
        geometry: BlockGeometry, capabilities: BlockCapabilities, maxUnmapBlocks: UInt32 = 0,
        maxAtomicBlocks: UInt32 = 0
    ) {
        self.geometry = geometry
        self.capabilities = capabilities
        self.maxUnmapBlocks = maxUnmapBlocks
        self.maxAtomicBlocks = maxAtomicBlocks
    }
}

/// What a store can do, reported honestly to the initiator.
public struct BlockCapabilities: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Writes are refused.
    public static let readOnly = BlockCapabilities(rawValue: 1 << 0)
    /// A write that has been replied to may be lost in a power cut until a flush (WCE=1).
    public static let writeCache = BlockCapabilities(rawValue: 1 << 1)
    /// `unmap` gives space back (thin provisioning).
    public static let unmap = BlockCapabilities(rawValue: 1 << 2)
    /// Blocks read as zeroes once unmapped (LBPRZ).
    public static let unmapZeroes = BlockCapabilities(rawValue: 1 << 3)
    /// The medium turns.
    public static let rotational = BlockCapabilities(rawValue: 1 << 4)
    /// `usage` tells how much space is taken.
    public static let tellsUsage = BlockCapabilities(rawValue: 1 << 5)
    /// `writeZeroes` that may not unmap leaves blocks anchored, and `extent` tells them from others.
    public static let anchors = BlockCapabilities(rawValue: 1 << 7)
    /// What is stored is encrypted with a key that `replaceKey` replaces.
    public static let encrypts = BlockCapabilities(rawValue: 1 << 6)
}
