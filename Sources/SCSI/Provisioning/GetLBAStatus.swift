// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

/// GET LBA STATUS (SBC-3): whether blocks are mapped, from an LBA on.
///
///     0  PARAMETER DATA LENGTH (4)    4  reserved (4)
///     8  LBA (8)    16  NUMBER OF LOGICAL BLOCKS (4)    20  PROVISIONING STATUS: 0 mapped, 1 deallocated    21  reserved
///
/// One descriptor is answered, and the initiator asks on behind it.
extension LogicalUnit {
    func getLBAStatus(_ cdb: CDB) -> TaskStep {
        let lba = cdb.uint64(2)
        let blockCount = self.info.geometry.blockCount
        guard lba < blockCount else { return self.check(.lbaOutOfRange(lba)) }
        let range = BlockRange(lba: lba, count: UInt32(clamping: blockCount - lba))
        let allocationLength = Int(clamping: cdb.uint32(10))
        // A thick unit's blocks are all mapped.
        guard self.info.capabilities.contains(.unmap) else {
            return self.lbaStatus(lba, range.count, isMapped: true, allocationLength)
        }
        return .perform(.extent(range), .lbaStatus(lba: lba, allocationLength: allocationLength))
    }

    func lbaStatus(_ lba: UInt64, _ count: UInt32, isMapped: Bool, _ allocationLength: Int) -> TaskStep {
        var data = ByteBuffer()
        data.reserveCapacity(24)
        data.writeInteger(UInt32(24 - 4))
        data.writeInteger(UInt32(0))
        data.writeInteger(lba)
        data.writeInteger(count)
        data.writeInteger(UInt8(isMapped ? 0 : 1))
        data.writeRepeatingByte(0, count: 3)
        return .finish(.good(data.cut(to: allocationLength)))
    }
}
