// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// COMPARE AND WRITE (SBC-3) and ORWRITE (16) (SBC-3): the atomic ones.
    static let compareAndWrite: [CommandDescriptor] = [
        CommandDescriptor(
            "COMPARE AND WRITE",
            [
                0x89, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0x00, 0x04,
            ],
            .writes, [.cachedWrite, .compareAndWrite],
            handler: { unit, cdb, _ in unit.compareAndWrite(cdb) }),
        CommandDescriptor(
            "ORWRITE (16)",
            [
                0x8B, 0x18, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            .writes, .cachedWrite,
            handler: { unit, cdb, _ in unit.orWrite(.sixteen(cdb), cdb) }),
    ]
}

extension LogicalUnit {
    fileprivate func compareAndWrite(_ cdb: CDB) -> TaskStep {
        guard !cdb.has(0xE0, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 7)) }  // WRPROTECT
        let access = BlockAccess(lba: cdb.uint64(2), count: UInt32(cdb[13]), countOffset: 13)
        let maximumBlocks = UInt32(Limits.maximumCompareAndWriteBlocks)
        if let sense = self.invalid(access, maximumBlocks: maximumBlocks) { return self.check(sense) }
        guard access.count > 0 else {
            // libiscsi 1.19 sends 256 blocks of data with a count that has wrapped to 0, and wants a refusal.
            guard cdb.expectedDataOut ?? 0 == 0 else { return self.check(.invalidFieldInCDB(13)) }
            return .finish(.good)
        }
        let byteCount = 2 * self.info.geometry.byteCount(access.range)
        if let expected = cdb.expectedDataOut, expected != byteCount {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        let durable = self.isDurable(forceUnitAccess: cdb.has(0x08, at: 1))
        return .collect(byteCount: byteCount, .compareAndWrite(access.range, durable: durable))
    }

    /// The first half of Data-Out is compared, the second written.
    func compareAndWrite(_ range: BlockRange, durable: Bool, _ data: ByteBuffer) -> TaskStep {
        let half = self.info.geometry.byteCount(range)
        var data = data
        guard data.readableBytes == 2 * half, let expected = data.readSlice(length: half) else {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        return .perform(
            .compareAndWrite(range, expected: expected, replacement: data, durable: durable), .comparedAndWritten)
    }

    fileprivate func orWrite(_ access: BlockAccess, _ cdb: CDB) -> TaskStep {
        guard !cdb.has(0xE0, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 7)) }  // ORPROTECT
        if let sense = self.invalid(access, maximumBlocks: self.maximumTransferBlocks) { return self.check(sense) }
        guard access.count > 0 else { return .finish(.good) }
        let durable = self.isDurable(forceUnitAccess: cdb.has(0x08, at: 1))
        let operation = OrWrite(range: access.range, mask: ByteBuffer(), durable: durable)
        return .collect(byteCount: self.info.geometry.byteCount(access.range), .orWrite(operation))
    }

    /// Data-Out has come.
    func orWrite(_ operation: OrWrite, mask: ByteBuffer) -> TaskStep {
        guard mask.readableBytes == self.info.geometry.byteCount(operation.range) else {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        var operation = operation
        operation.mask = mask
        return .perform(.read(operation.range), .orWriteRead(operation))
    }

    /// The medium has been read: what it would become is written if nobody has changed it in between. Somebody who has
    /// makes it start over, and has finished a command of their own, so the whole gets on.
    func orWrite(_ operation: OrWrite, read old: ByteBuffer) -> TaskStep {
        var replacement = ByteBuffer()
        replacement.reserveCapacity(old.readableBytes)
        var (left, right) = (old, operation.mask)
        while let old = left.readInteger(as: UInt64.self), let mask = right.readInteger(as: UInt64.self) {
            replacement.writeInteger(old | mask)
        }
        return .perform(
            .compareAndWrite(
                operation.range, expected: old, replacement: replacement, durable: operation.durable),
            .orWriteWritten(operation))
    }
}

/// An ORWRITE under way.
package struct OrWrite: Sendable {
    var range: BlockRange
    /// Data-Out: the bits to set.
    var mask: ByteBuffer
    var durable: Bool
}
