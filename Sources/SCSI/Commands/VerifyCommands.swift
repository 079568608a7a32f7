// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// VERIFY and WRITE AND VERIFY (SBC-3).
    static let verifies: [CommandDescriptor] = [
        CommandDescriptor(
            "VERIFY (10)", [0x2F, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04], .reads, .cachedRead,
            handler: { unit, cdb, _ in unit.verify(.ten(cdb), cdb) }),
        CommandDescriptor(
            "VERIFY (12)", [0xAF, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            .reads, .cachedRead,
            handler: { unit, cdb, _ in unit.verify(.twelve(cdb), cdb) }),
        CommandDescriptor(
            "VERIFY (16)",
            [
                0x8F, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            .reads, .cachedRead,
            handler: { unit, cdb, _ in unit.verify(.sixteen(cdb), cdb) }),
        CommandDescriptor(
            "WRITE AND VERIFY (10)", [0x2E, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0x04],
            .writes, .cachedWrite,
            handler: { unit, cdb, _ in unit.writeAndVerify(.ten(cdb), cdb) }),
        CommandDescriptor(
            "WRITE AND VERIFY (12)", [0xAE, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            .writes, .cachedWrite,
            handler: { unit, cdb, _ in unit.writeAndVerify(.twelve(cdb), cdb) }),
        CommandDescriptor(
            "WRITE AND VERIFY (16)",
            [
                0x8E, 0x16, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            .writes, .cachedWrite,
            handler: { unit, cdb, _ in unit.writeAndVerify(.sixteen(cdb), cdb) }),
    ]
}

/// BYTCHK: what a verification compares the medium with.
enum ByteCheck: UInt8, Sendable {
    /// Nothing: the blocks need only be readable.
    case readable = 0b00
    /// As many blocks of Data-Out.
    case wholeData = 0b01
    /// One block of Data-Out, over and over.
    case oneBlock = 0b11

    /// Nil for the reserved value.
    init?(_ cdb: CDB) {
        self.init(rawValue: cdb[1] >> 1 & 0x03)
    }
}

extension LogicalUnit {
    fileprivate mutating func verify(_ access: BlockAccess, _ cdb: CDB) -> TaskStep {
        guard !cdb.has(0xE0, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 7)) }  // VRPROTECT
        guard let byteCheck = ByteCheck(cdb) else { return self.check(.invalidFieldInCDB(1, bit: 2)) }
        let maximumBlocks = byteCheck == .wholeData ? self.maximumTransferBlocks : .max
        if let sense = self.invalid(access, maximumBlocks: maximumBlocks) { return self.check(sense) }
        guard access.count > 0 else { return .finish(.good) }
        self.counters.verifications.add(access.count)
        switch byteCheck {
        case .readable:
            return self.verifyReadable(access.range)
        case .wholeData:
            return .collect(
                byteCount: self.info.geometry.byteCount(access.range), .verifyData(access.range))
        case .oneBlock:
            return .collect(byteCount: self.info.geometry.blockSize, .verifyPattern(access.range))
        }
    }

    /// Reads the range piece by piece, and forgets what it read.
    func verifyReadable(_ range: BlockRange) -> TaskStep {
        let (piece, rest) = range.split(atMost: self.verificationBlocks)
        return .perform(.read(piece), rest.map { .verifyReadable($0) } ?? .verified)
    }

    /// Data-Out for BYTCHK=01b has come. Less than announced by the CDB verifies that much.
    func verifyData(_ range: BlockRange, _ data: ByteBuffer) -> TaskStep {
        guard let (range, data) = self.wholeBlocks(range, data) else {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        guard range.count > 0 else { return .finish(.good) }
        return .perform(.compare(range, data), .compared)
    }

    /// Data-Out for BYTCHK=11b has come: one block.
    func verifyPattern(_ range: BlockRange, _ block: ByteBuffer) -> TaskStep {
        guard block.readableBytes == self.info.geometry.blockSize else {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        let (piece, rest) = range.split(atMost: self.verificationBlocks)
        var data = ByteBuffer()
        data.reserveCapacity(self.info.geometry.byteCount(piece))
        for _ in 0..<piece.count {
            data.writeImmutableBuffer(block)
        }
        return .perform(.compare(piece, data), rest.map { .verifiedPattern(rest: $0, block) } ?? .compared)
    }

    fileprivate mutating func writeAndVerify(_ access: BlockAccess, _ cdb: CDB) -> TaskStep {
        guard !cdb.has(0xE0, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 7)) }  // WRPROTECT
        guard let byteCheck = ByteCheck(cdb), byteCheck != .oneBlock else {
            return self.check(.invalidFieldInCDB(1, bit: 2))
        }
        if let sense = self.invalid(access, maximumBlocks: self.maximumTransferBlocks) { return self.check(sense) }
        guard access.count > 0 else { return .finish(.good) }
        self.counters.writes.add(access.count)
        return .collect(
            byteCount: self.info.geometry.byteCount(access.range),
            .writeAndVerify(access.range, compare: byteCheck == .wholeData))
    }

    /// The data must have reached the medium before it is verified there, so the write is always durable.
    func writeAndVerify(_ range: BlockRange, compare: Bool, _ data: ByteBuffer) -> TaskStep {
        guard let (range, data) = self.wholeBlocks(range, data) else {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        guard range.count > 0 else { return .finish(.good) }
        return .perform(
            .write(range, data, durable: true), compare ? .verifyWritten(range, data) : .verifyReadable(range))
    }

    /// The blocks that Data-Out holds, which are fewer than the CDB's where the initiator announced less. Nil where a
    /// block is incomplete.
    private func wholeBlocks(_ range: BlockRange, _ data: ByteBuffer) -> (BlockRange, ByteBuffer)? {
        guard data.readableBytes % self.info.geometry.blockSize == 0 else { return nil }
        let count = data.readableBytes / self.info.geometry.blockSize
        return (BlockRange(lba: range.lba, count: min(range.count, UInt32(clamping: count))), data)
    }

    /// How much of a verification is done in one request to the store.
    private var verificationBlocks: UInt32 {
        UInt32(Limits.verificationBytes / self.info.geometry.blockSize)
    }

    /// What a comparison's result means for the command.
    func miscompare(at offset: Int?) -> TaskStep {
        self.check(Sense(.miscompare, .miscompareDuringVerify, information: offset.map { UInt64($0) }))
    }
}

extension BlockRange {
    /// The first `count` blocks at most, and what is left after them.
    func split(atMost count: UInt32) -> (BlockRange, rest: BlockRange?) {
        guard self.count > count else { return (self, nil) }
        return (
            BlockRange(lba: self.lba, count: count),
            BlockRange(lba: self.lba + UInt64(count), count: self.count - count)
        )
    }
}
