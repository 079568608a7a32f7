// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

/// The 48 bytes that every PDU begins with (RFC 7143 §11.2.1), as six big-endian words.
///
///      byte  0        1         2         3         4          5         6         7
///     word 0 .I opcode | flags   | opcode-specific   | AHS len | data segment length          |
///     word 1 LUN, or ISID and TSIH in a login                                                  |
///     word 2 initiator task tag                      | opcode-specific (EDTL, TTT, …)          |
///     word 3 CmdSN, or StatSN                        | ExpStatSN, or ExpCmdSN                  |
///     word 4 CDB, or MaxCmdSN                        | CDB, or DataSN, status class, …         |
///     word 5 CDB, or buffer offset                   | CDB, or residual count, length          |
///
/// Fields are cut out of the words with shifts, so that a header is six loads to read and six stores to write.
package struct BasicHeaderSegment: Sendable {
    package static let byteCount = 48

    @usableFromInline
    var words: [6 of UInt64]

    /// A header of zeroes for `opcode`, to be filled in.
    @inlinable
    package init(_ opcode: Opcode, flags: UInt8 = 0) {
        self.words = [UInt64(opcode.rawValue) << 56 | UInt64(flags) << 48, 0, 0, 0, 0, 0]
    }

    /// Reads the header at the start of `bytes`, which must hold 48.
    @inlinable
    package init(_ bytes: RawSpan) {
        self.words = [
            bytes.bigEndian(0), bytes.bigEndian(8), bytes.bigEndian(16),
            bytes.bigEndian(24), bytes.bigEndian(32), bytes.bigEndian(40),
        ]
    }

    /// Appends the header to `buffer`.
    @inlinable
    package func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(
            self.words[0], self.words[1], self.words[2], self.words[3], self.words[4], self.words[5])
    }
}

// MARK: - Fields that every PDU has

extension BasicHeaderSegment {
    /// The opcode's six bits; nil where no such opcode exists.
    @inlinable
    package var opcode: Opcode? {
        Opcode(rawValue: UInt8(self.words[0] >> 56) & 0x3f)
    }

    /// The I bit: delivered at once, without a place in the command order.
    @inlinable
    package var isImmediate: Bool {
        get { self.words[0] >> 62 & 1 == 1 }
        set { self.words[0] = self.words[0] & ~(1 << 62) | (newValue ? 1 << 62 : 0) }
    }

    /// Byte 1: the F bit and what the opcode defines.
    @inlinable
    package var flags: UInt8 {
        get { UInt8(truncatingIfNeeded: self.words[0] >> 48) }
        set { self.words[0] = self.words[0] & ~(0xff << 48) | UInt64(newValue) << 48 }
    }

    /// The F bit, in byte 1's highest place.
    @inlinable
    package var isFinal: Bool {
        self.flags & 0x80 != 0
    }

    /// Bytes 2 and 3.
    @inlinable
    package var opcodeSpecific: UInt16 {
        get { UInt16(truncatingIfNeeded: self.words[0] >> 32) }
        set { self.words[0] = self.words[0] & ~(0xffff << 32) | UInt64(newValue) << 32 }
    }

    /// The length of the additional header segments in bytes.
    @inlinable
    package var additionalHeaderLength: Int {
        Int(self.words[0] >> 24 & 0xff) * 4
    }

    /// The length of the data segment in bytes, without its padding.
    @inlinable
    package var dataSegmentLength: Int {
        get { Int(self.words[0] & 0xff_ffff) }
        set { self.words[0] = self.words[0] & ~0xff_ffff | UInt64(newValue) }
    }

    /// Bytes 8 to 15: the LUN, or ISID and TSIH.
    @inlinable
    package var lun: UInt64 {
        get { self.words[1] }
        set { self.words[1] = newValue }
    }

    @inlinable
    package var initiatorTaskTag: UInt32 {
        get { UInt32(self.words[2] >> 32) }
        set { self.words[2] = UInt64(newValue) << 32 | self.words[2] & 0xffff_ffff }
    }
}

// MARK: - 32-bit fields by byte offset

extension BasicHeaderSegment {
    /// The 32-bit field at byte `offset`, a multiple of four.
    @inlinable
    package subscript(field offset: Int) -> UInt32 {
        get {
            let word = self.words[offset >> 3]
            return UInt32(truncatingIfNeeded: offset & 4 == 0 ? word >> 32 : word)
        }
        set {
            let word = self.words[offset >> 3]
            self.words[offset >> 3] =
                offset & 4 == 0
                ? word & 0xffff_ffff | UInt64(newValue) << 32
                : word & 0xffff_ffff_0000_0000 | UInt64(newValue)
        }
    }

    /// Bytes 32 to 47 in wire order: the CDB of a SCSI command.
    @inlinable
    package var cdb: [2 of UInt64] {
        [self.words[4].bigEndian, self.words[5].bigEndian]
    }
}
