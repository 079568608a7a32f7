// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// Why a command ended with CHECK CONDITION.
package struct Sense: Hashable, Sendable {
    package var key: SenseKey
    package var code: AdditionalSense
    /// INFORMATION: the first bad LBA, or the offset of a miscompare.
    package var information: UInt64?
    package var specific: Specific?

    /// The sense-key specific bytes (SPC-4).
    package enum Specific: Hashable, Sendable {
        /// The field in error. `bit` is its most significant bit, nil where the whole byte is meant.
        case field(inCDB: Bool, byte: UInt16, bit: UInt8?)
        /// How far a background operation is, in 65,536ths.
        case progress(UInt16)
    }

    package init(
        _ key: SenseKey, _ code: AdditionalSense, information: UInt64? = nil, specific: Specific? = nil
    ) {
        self.key = key
        self.code = code
        self.information = information
        self.specific = specific
    }

    /// A CDB field has a value that this unit does not take.
    static func invalidFieldInCDB(_ byte: Int, bit: UInt8? = nil) -> Sense {
        Sense(
            .illegalRequest, .invalidFieldInCDB,
            specific: .field(inCDB: true, byte: UInt16(clamping: byte), bit: bit))
    }

    /// A parameter list's field has a value that this unit does not take.
    static func invalidFieldInParameterList(_ byte: Int, bit: UInt8? = nil) -> Sense {
        Sense(
            .illegalRequest, .invalidFieldInParameterList,
            specific: .field(inCDB: false, byte: UInt16(clamping: byte), bit: bit))
    }

    static let parameterListLengthError = Sense(.illegalRequest, .parameterListLengthError)

    /// The initiator's expected data transfer length does not fit the command.
    static let invalidFieldInCommandInformationUnit = Sense(
        .illegalRequest, .invalidFieldInCommandInformationUnit)

    static func lbaOutOfRange(_ lba: UInt64) -> Sense {
        Sense(.illegalRequest, .lbaOutOfRange, information: lba)
    }
}

/// The two wire formats of sense data; D_SENSE in the control mode page chooses (SPC-4).
package enum SenseFormat: Sendable {
    case fixed
    case descriptor
}

extension Sense {
    /// The sense data on the wire. Layouts: SPC-4.
    package func encode(_ format: SenseFormat) -> ByteBuffer {
        switch format {
        case .fixed: self.encodeFixed()
        case .descriptor: self.encodeDescriptor()
        }
    }

    /// 18 bytes. INFORMATION has 32 bits here: a larger value leaves VALID zero.
    private func encodeFixed() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(18)
        let information = self.information.flatMap { UInt32(exactly: $0) }
        buffer.writeInteger(UInt8(0x70) | (information == nil ? 0 : 0x80))
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(self.key.rawValue)
        buffer.writeInteger(information ?? 0)
        buffer.writeInteger(UInt8(18 - 8))
        buffer.writeInteger(UInt32(0))  // command-specific information
        buffer.writeInteger(self.code.rawValue)
        buffer.writeInteger(UInt8(0))  // field replaceable unit
        Self.write(self.specific, to: &buffer)
        return buffer
    }

    private func encodeDescriptor() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(8 + 12 + 8)
        buffer.writeInteger(UInt8(0x72))
        buffer.writeInteger(self.key.rawValue)
        buffer.writeInteger(self.code.rawValue)
        buffer.writeRepeatingByte(0, count: 3)
        let length = (self.information == nil ? 0 : 12) + (self.specific == nil ? 0 : 8)
        buffer.writeInteger(UInt8(length))
        if let information = self.information {
            buffer.writeInteger(UInt8(0x00))
            buffer.writeInteger(UInt8(10))
            buffer.writeInteger(UInt8(0x80))  // VALID
            buffer.writeInteger(UInt8(0))
            buffer.writeInteger(information)
        }
        if self.specific != nil {
            buffer.writeInteger(UInt8(0x02))
            buffer.writeInteger(UInt8(6))
            buffer.writeInteger(UInt16(0))
            Self.write(self.specific, to: &buffer)
            buffer.writeInteger(UInt8(0))
        }
        return buffer
    }

    /// Three bytes: SKSV with what belongs to it, or zeroes.
    private static func write(_ specific: Specific?, to buffer: inout ByteBuffer) {
        switch specific {
        case .none:
            buffer.writeRepeatingByte(0, count: 3)
        case .field(let inCDB, let byte, let bit):
            let bitPointer = bit.map { 0x08 | ($0 & 0x07) } ?? 0
            buffer.writeInteger(UInt8(0x80) | (inCDB ? 0x40 : 0) | bitPointer)
            buffer.writeInteger(byte)
        case .progress(let fraction):
            buffer.writeInteger(UInt8(0x80))
            buffer.writeInteger(fraction)
        }
    }
}

extension CommandResult {
    static let good = CommandResult(status: .good)
    static let reservationConflict = CommandResult(status: .reservationConflict)

    static func good(_ dataIn: ByteBuffer) -> CommandResult {
        CommandResult(status: .good, dataIn: dataIn)
    }

    static func check(_ sense: Sense, _ format: SenseFormat) -> CommandResult {
        CommandResult(status: .checkCondition, sense: sense.encode(format))
    }
}

extension ByteBuffer {
    /// Data-In cut to what the CDB's ALLOCATION LENGTH takes (SPC-4): longer data is truncated without error.
    func cut(to allocationLength: Int) -> ByteBuffer {
        guard self.readableBytes > allocationLength else { return self }
        var copy = self
        copy.moveWriterIndex(to: copy.readerIndex + allocationLength)
        return copy
    }
}
