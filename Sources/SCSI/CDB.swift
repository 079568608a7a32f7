// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Wire

/// A command descriptor block: 6, 10, 12, 16 or 32 bytes in a fixed place, so that parsing one never allocates.
///
/// Bytes that the transport did not deliver read as zero, so a handler may look at any offset below 32.
package struct CDB: Sendable {
    private let bytes: [32 of UInt8]
    /// How many bytes of Data-Out the initiator announced, nil where the transport does not tell.
    let expectedDataOut: Int?

    /// Copies the first 32 bytes at most.
    package init(_ span: RawSpan, expectedDataOut: Int? = nil) {
        self.expectedDataOut = expectedDataOut
        var bytes = [32 of UInt8](repeating: 0)
        for index in 0..<min(span.byteCount, 32) {
            bytes[index] = span.byte(index)
        }
        self.bytes = bytes
    }

    @inline(always)
    var operationCode: UInt8 { self.bytes[0] }

    /// The service action in bits 0 to 4 of byte 1, where most commands that have one keep it.
    @inline(always)
    var serviceAction: UInt16 { UInt16(self.bytes[1] & 0x1F) }

    @inline(always)
    subscript(offset: Int) -> UInt8 { self.bytes[offset] }

    @inline(always)
    func uint16(_ offset: Int) -> UInt16 { self.load(offset) }

    @inline(always)
    func uint24(_ offset: Int) -> UInt32 { UInt32(self.bytes[offset]) << 16 | UInt32(self.uint16(offset + 1)) }

    @inline(always)
    func uint32(_ offset: Int) -> UInt32 { self.load(offset) }

    @inline(always)
    func uint64(_ offset: Int) -> UInt64 { self.load(offset) }

    @inline(always)
    private func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int) -> T {
        // Bytes have no padding, so looking at them as raw bytes shows nothing uninitialised.
        unsafe self.bytes.span.bytes.bigEndian(offset)
    }

    /// Whether any bit of `mask` is set in the byte at `offset`.
    @inline(always)
    func has(_ mask: UInt8, at offset: Int) -> Bool { self.bytes[offset] & mask != 0 }

    /// The length that the operation code's group tells (SPC-4), 0 for reserved and vendor groups.
    var groupLength: Int {
        switch self.operationCode >> 5 {
        case 0: 6
        case 1, 2: 10
        case 3: self.operationCode == 0x7F ? 32 : 0
        case 4: 16
        case 5: 12
        default: 0
        }
    }

    /// The control byte: NACA in bit 2 (SAM-5).
    @inline(always)
    var control: UInt8 {
        switch self.operationCode >> 5 {
        case 0: self.bytes[5]
        case 1, 2: self.bytes[9]
        case 3: self.operationCode == 0x7F ? self.bytes[1] : 0
        case 4: self.bytes[15]
        case 5: self.bytes[11]
        default: 0
        }
    }

    /// The offset of the control byte, for a field pointer.
    var controlOffset: UInt16 {
        self.operationCode == 0x7F ? 1 : UInt16(max(self.groupLength - 1, 0))
    }
}
