// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// EXTENDED COPY's parameter list (SPC-4): who takes part, and what is copied from whom to whom.
///
///     0  LIST IDENTIFIER   1  STR, LIST ID USAGE, PRIORITY   2  CSCD DESCRIPTOR LIST LENGTH (2)   4  reserved (4)
///     8  SEGMENT DESCRIPTOR LIST LENGTH (4)   12  INLINE DATA LENGTH (4)
///     16  CSCD descriptors of 32 bytes, segment descriptors
struct CopyParameterList: Sendable {
    /// Nil where the initiator will not ask for results (LIST ID USAGE 11b).
    var listIdentifier: UInt8?
    var devices: [CopyDevice] = []
    var segments: [CopySegment] = []

    static let headerLength = 16
}

/// A copy source or copy destination (CSCD), by a designator of VPD page 83.
package struct CopyDevice: Sendable {
    var codeSet: UInt8
    var association: UInt8
    var designatorType: UInt8
    var designator: [UInt8]
    /// Whether the descriptor says that it is a direct-access unit.
    var isBlockDevice: Bool
    /// DISK BLOCK LENGTH; 0 where the initiator left it out.
    var blockLength: Int
    /// Where the descriptor is in the list, for a field pointer.
    var offset: Int

    static let length = 32
    static let typeCode: UInt8 = 0xE4  // identification descriptor
}

/// One extent to copy.
struct CopySegment: Sendable {
    enum Amount: Sendable {
        case sourceBlocks(UInt64)
        case destinationBlocks(UInt64)
        /// Bytes, from an offset in the first block of the source and of the destination.
        case bytes(UInt64, sourceOffset: UInt16, destinationOffset: UInt16)
    }

    var source: Int
    var destination: Int
    var sourceLBA: UInt64
    var destinationLBA: UInt64
    var amount: Amount
    /// Where the descriptor is in the list, for a field pointer.
    var offset: Int

    static let blockToBlock: UInt8 = 0x02
    static let blockToBlockWithOffset: UInt8 = 0x0A
}

/// Why a parameter list is refused before anything is copied.
struct CopyListError: Error {
    var sense: Sense
}

extension CopyParameterList {
    init(parsing list: ByteBuffer) throws(CopyListError) {
        var list = list
        let length = list.readableBytes
        guard
            let (identifier, flags, devicesLength, _, segmentsLength, inlineLength) = list.readMultipleIntegers(
                as: (UInt8, UInt8, UInt16, UInt32, UInt32, UInt32).self)
        else { throw CopyListError(sense: .parameterListLengthError) }
        self.listIdentifier = try Self.listIdentifier(identifier, usage: flags >> 3 & 0x03)
        guard inlineLength == 0 else { throw CopyListError(sense: Sense(.illegalRequest, .inlineDataLengthExceeded)) }
        guard Int(devicesLength) % CopyDevice.length == 0,
            Int(devicesLength) + Int(segmentsLength) <= Limits.copyDescriptorListBytes,
            length == Self.headerLength + Int(devicesLength) + Int(segmentsLength)
        else { throw CopyListError(sense: .parameterListLengthError) }
        guard Int(devicesLength) / CopyDevice.length <= Limits.copyDevices else {
            throw CopyListError(sense: Sense(.illegalRequest, .tooManyTargetDescriptors))
        }
        for index in 0..<(Int(devicesLength) / CopyDevice.length) {
            self.devices.append(try Self.device(&list, offset: Self.headerLength + index * CopyDevice.length))
        }
        while list.readableBytes > 0 {
            guard self.segments.count < Limits.copySegments else {
                throw CopyListError(sense: Sense(.illegalRequest, .tooManySegmentDescriptors))
            }
            self.segments.append(try Self.segment(&list, offset: length - list.readableBytes))
        }
    }

    private static func listIdentifier(_ identifier: UInt8, usage: UInt8) throws(CopyListError) -> UInt8? {
        switch usage {
        case 0b00, 0b10: return identifier
        case 0b11 where identifier == 0: return nil
        case 0b11: throw CopyListError(sense: .invalidFieldInParameterList(0))
        default: throw CopyListError(sense: .invalidFieldInParameterList(1, bit: 4))
        }
    }

    /// 0  E4h   1  device type   4  CODE SET   5  ASSOCIATION, DESIGNATOR TYPE   7  length   8  designator (20)
    /// 29  DISK BLOCK LENGTH (3)
    private static func device(_ list: inout ByteBuffer, offset: Int) throws(CopyListError) -> CopyDevice {
        guard let bytes = list.readBytes(length: CopyDevice.length) else {
            throw CopyListError(sense: .parameterListLengthError)
        }
        guard bytes[0] == CopyDevice.typeCode else {
            throw CopyListError(sense: Sense(.illegalRequest, .unsupportedTargetDescriptorTypeCode))
        }
        guard bytes[7] <= 20 else { throw CopyListError(sense: .invalidFieldInParameterList(offset + 7)) }
        return CopyDevice(
            codeSet: bytes[4] & 0x0F, association: bytes[5] >> 4 & 0x03, designatorType: bytes[5] & 0x0F,
            designator: Array(bytes[8..<(8 + Int(bytes[7]))]), isBlockDevice: bytes[1] & 0x1F == 0x00,
            blockLength: bytes[29..<32].reduce(0) { $0 << 8 | Int($1) }, offset: offset)
    }

    /// 02h and 0Ah:
    ///
    ///     0  type   1  DC, CAT   2  length (2)   4  source (2)   6  destination (2)
    ///     8  reserved, blocks (02h) or bytes (0Ah) (4)   12  source LBA (8)   20  destination LBA (8)
    ///     28  offset in the source's first block (2)   30  in the destination's (2)   0Ah only
    private static func segment(_ list: inout ByteBuffer, offset: Int) throws(CopyListError) -> CopySegment {
        guard let type = list.getInteger(at: list.readerIndex, as: UInt8.self),
            type == CopySegment.blockToBlock || type == CopySegment.blockToBlockWithOffset
        else { throw CopyListError(sense: Sense(.illegalRequest, .unsupportedSegmentDescriptorTypeCode)) }
        let length = type == CopySegment.blockToBlock ? 0x18 : 0x1C
        guard var body = list.readSlice(length: 4 + length),
            let (_, flags, told, source, destination, count) = body.readMultipleIntegers(
                as: (UInt8, UInt8, UInt16, UInt16, UInt16, UInt32).self),
            let (sourceLBA, destinationLBA) = body.readMultipleIntegers(as: (UInt64, UInt64).self)
        else { throw CopyListError(sense: .parameterListLengthError) }
        guard Int(told) == length else { throw CopyListError(sense: .invalidFieldInParameterList(offset + 2)) }
        let amount: CopySegment.Amount
        if type == CopySegment.blockToBlock {
            let blocks = UInt64(count & 0xFFFF)
            amount = flags & 0x02 == 0 ? .sourceBlocks(blocks) : .destinationBlocks(blocks)
        } else {
            guard let (sourceOffset, destinationOffset) = body.readMultipleIntegers(as: (UInt16, UInt16).self) else {
                throw CopyListError(sense: .parameterListLengthError)
            }
            amount = .bytes(UInt64(count), sourceOffset: sourceOffset, destinationOffset: destinationOffset)
        }
        return CopySegment(
            source: Int(source), destination: Int(destination), sourceLBA: sourceLBA, destinationLBA: destinationLBA,
            amount: amount, offset: offset)
    }
}
