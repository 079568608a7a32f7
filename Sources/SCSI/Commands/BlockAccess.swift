// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block

/// The range of blocks that a CDB names, as the formats of SBC-3 place it.
struct BlockAccess {
    var lba: UInt64
    var count: UInt32
    /// The offset of the transfer length in the CDB, for a field pointer.
    var countOffset: UInt8

    /// 21 bits of LBA; a count of zero means 256.
    static func six(_ cdb: CDB) -> BlockAccess {
        let count = cdb[4]
        return BlockAccess(
            lba: UInt64(cdb.uint24(1) & 0x1F_FFFF), count: count == 0 ? 256 : UInt32(count), countOffset: 4)
    }

    static func ten(_ cdb: CDB) -> BlockAccess {
        BlockAccess(lba: UInt64(cdb.uint32(2)), count: UInt32(cdb.uint16(7)), countOffset: 7)
    }

    static func twelve(_ cdb: CDB) -> BlockAccess {
        BlockAccess(lba: UInt64(cdb.uint32(2)), count: cdb.uint32(6), countOffset: 6)
    }

    static func sixteen(_ cdb: CDB) -> BlockAccess {
        BlockAccess(lba: cdb.uint64(2), count: cdb.uint32(10), countOffset: 10)
    }

    var range: BlockRange { BlockRange(lba: self.lba, count: self.count) }
}

extension LogicalUnit {
    /// Why `access` may not be made, nil when it may. An LBA past the end is an error even where no block is asked for.
    func invalid(_ access: BlockAccess, maximumBlocks: UInt32) -> Sense? {
        let blockCount = self.info.geometry.blockCount
        guard access.lba < blockCount, UInt64(access.count) <= blockCount - access.lba else {
            return .lbaOutOfRange(max(access.lba, blockCount))
        }
        guard access.count <= maximumBlocks else {
            return .invalidFieldInCDB(Int(access.countOffset))
        }
        return nil
    }

    /// The longest READ or WRITE, in blocks.
    var maximumTransferBlocks: UInt32 {
        UInt32(clamping: self.settings.maximumTransferBytes / self.info.geometry.blockSize)
    }

    /// Whether a write must be flushed before its status: FUA asks for it, and so does a write cache that has been
    /// switched off (WCE=0). A store without a write cache has every write on stable storage when it replies.
    func isDurable(forceUnitAccess: Bool) -> Bool {
        self.info.capabilities.contains(.writeCache) && (forceUnitAccess || !self.modes.caching.writeCacheEnabled)
    }
}
