// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

/// WRITE SAME (SBC-3).
extension LogicalUnit {
    func writeSame(_ access: BlockAccess, _ cdb: CDB, noDataOut: Bool) -> TaskStep {
        guard !cdb.has(0xE0, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 7)) }  // WRPROTECT
        guard !cdb.has(0x04, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 2)) }  // PBDATA
        guard !cdb.has(0x02, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 1)) }  // LBDATA
        let mayUnmap = cdb.has(0x08, at: 1)
        guard !mayUnmap || self.info.capabilities.contains(.unmap) else {
            return self.check(.invalidFieldInCDB(1, bit: 3))
        }
        let anchors = cdb.has(0x10, at: 1)
        guard !anchors || mayUnmap && self.info.capabilities.contains(.anchors) else {
            return self.check(.invalidFieldInCDB(1, bit: 4))
        }
        let range: BlockRange
        switch self.writeSameRange(access) {
        case .success(let valid): range = valid
        case .failure(let refusal): return self.check(refusal.sense)
        }
        let durable = self.isDurable(forceUnitAccess: false)
        guard !noDataOut else {
            return .perform(.writeZeroes(range, mayUnmap: mayUnmap && !anchors, durable: durable), .good)
        }
        if let expected = cdb.expectedDataOut, expected != self.info.geometry.blockSize {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        return .collect(
            byteCount: self.info.geometry.blockSize, .writeSame(range, mayUnmap: mayUnmap && !anchors, durable: durable)
        )
    }

    /// The one block has come. Zeroes, the usual case, leave the store free to do something quicker than writing.
    func writeSame(_ range: BlockRange, mayUnmap: Bool, durable: Bool, _ block: ByteBuffer) -> TaskStep {
        guard block.readableBytes == self.info.geometry.blockSize else {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        if block.readableBytesView.allSatisfy({ $0 == 0 }) {
            return .perform(.writeZeroes(range, mayUnmap: mayUnmap, durable: durable), .good)
        }
        return .perform(.writeSame(range, pattern: block, durable: durable), .good)
    }

    private struct Refusal: Error {
        var sense: Sense
    }

    /// A count of zero means to the end of the medium (WSNZ=0 in VPD page B0).
    private func writeSameRange(_ access: BlockAccess) -> Result<BlockRange, Refusal> {
        if let sense = self.invalid(access, maximumBlocks: .max) { return .failure(Refusal(sense: sense)) }
        let count = access.count > 0 ? UInt64(access.count) : self.info.geometry.blockCount - access.lba
        guard count <= self.maximumWriteSameBlocks, let blocks = UInt32(exactly: count) else {
            return .failure(Refusal(sense: .invalidFieldInCDB(Int(access.countOffset))))
        }
        return .success(BlockRange(lba: access.lba, count: blocks))
    }
}
