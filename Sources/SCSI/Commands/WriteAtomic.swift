// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// WRITE ATOMIC (16) (SBC-4): nobody ever finds a part of it, not even after a power cut.
    static let writeAtomic: [CommandDescriptor] = [
        CommandDescriptor(
            "WRITE ATOMIC (16)",
            [
                0x9C, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0xFF, 0xFF, 0x00, 0x04,
            ],
            .writes, [.cachedWrite, .needsAtomicWrite],
            handler: { unit, cdb, _ in unit.writeAtomic(cdb) })
    ]
}

extension LogicalUnit {
    fileprivate func writeAtomic(_ cdb: CDB) -> TaskStep {
        guard !cdb.has(0xE0, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 7)) }  // WRPROTECT
        guard cdb.uint16(10) == 0 else { return self.check(.invalidFieldInCDB(10)) }  // ATOMIC BOUNDARY
        let access = BlockAccess(lba: cdb.uint64(2), count: UInt32(cdb.uint16(12)), countOffset: 12)
        if let sense = self.invalid(access, maximumBlocks: self.maximumAtomicBlocks) { return self.check(sense) }
        guard access.count > 0 else { return .finish(.good) }
        let durable = self.isDurable(forceUnitAccess: cdb.has(0x08, at: 1))
        return .collect(
            byteCount: self.info.geometry.byteCount(access.range), .writeAtomic(access.range, durable: durable))
    }

    /// All data has come, or nothing is written.
    func writeAtomic(_ range: BlockRange, durable: Bool, _ data: ByteBuffer) -> TaskStep {
        guard data.readableBytes == self.info.geometry.byteCount(range) else {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        return .perform(.writeAtomic(range, data, durable: durable), .good)
    }

    /// The longest WRITE ATOMIC, in blocks (VPD page B0); 0 where there is none.
    var maximumAtomicBlocks: UInt32 {
        min(self.info.maxAtomicBlocks, self.maximumTransferBlocks)
    }
}
