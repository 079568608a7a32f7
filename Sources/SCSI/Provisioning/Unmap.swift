// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

/// UNMAP (SBC-3).
///
///     0  UNMAP DATA LENGTH (2)   2  UNMAP BLOCK DESCRIPTOR DATA LENGTH (2)   4  reserved (4)
///     8  descriptors of 16 bytes: LBA (8), NUMBER OF LOGICAL BLOCKS (4), reserved (4)
extension LogicalUnit {
    private static let headerLength = 8
    private static let descriptorLength = 16

    func unmap(_ cdb: CDB) -> TaskStep {
        let anchors = cdb.has(0x01, at: 1)
        guard !anchors || self.info.capabilities.contains(.anchors) else {
            return self.check(.invalidFieldInCDB(1, bit: 0))
        }
        let length = Int(cdb.uint16(7))
        guard length > 0 else { return .finish(.good) }
        guard length >= Self.headerLength else { return self.check(.parameterListLengthError) }
        return .collect(byteCount: length, .unmap(parameterListLength: length, anchors: anchors))
    }

    /// The parameter list has come.
    func unmap(parameterListLength: Int, anchors: Bool, _ list: ByteBuffer) -> TaskStep {
        var list = list
        guard list.readableBytes == parameterListLength,
            let (_, descriptorsLength, _) = list.readMultipleIntegers(as: (UInt16, UInt16, UInt32).self),
            list.readableBytes >= Int(descriptorsLength)
        else {
            return self.check(.parameterListLengthError)
        }
        // An incomplete last descriptor is ignored.
        let count = Int(descriptorsLength) / Self.descriptorLength
        guard count <= Int(self.maximumUnmapDescriptors) else { return self.check(.invalidFieldInParameterList(2)) }
        var ranges: [BlockRange] = []
        var blocks: UInt64 = 0
        for index in 0..<count {
            guard let (lba, number, _) = list.readMultipleIntegers(as: (UInt64, UInt32, UInt32).self) else {
                return self.check(.parameterListLengthError)
            }
            let range = BlockRange(lba: lba, count: number)
            guard self.info.geometry.contains(range) else {
                return self.check(.lbaOutOfRange(max(lba, self.info.geometry.blockCount)))
            }
            blocks += UInt64(number)
            guard blocks <= UInt64(self.info.maxUnmapBlocks) else {
                return self.check(.invalidFieldInParameterList(Self.headerLength + index * Self.descriptorLength + 8))
            }
            if number > 0 { ranges.append(range) }
        }
        guard !ranges.isEmpty else { return .finish(.good) }
        return anchors ? self.anchor(ranges[...]) : .perform(.unmap(ranges), .good)
    }

    /// Gives up what the blocks hold and keeps the space for them, range by range.
    func anchor(_ ranges: ArraySlice<BlockRange>) -> TaskStep {
        guard let range = ranges.first else { return .finish(.good) }
        let durable = self.isDurable(forceUnitAccess: false)
        return .perform(.writeZeroes(range, mayUnmap: false, durable: durable), .anchor(ranges.dropFirst()))
    }
}
