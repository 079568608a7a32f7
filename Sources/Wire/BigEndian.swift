// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Network byte order in spans of raw bytes.
///
/// Every protocol that Apus speaks (iSCSI, SCSI, DHCP, TFTP) is big-endian. Parsers take a `RawSpan`, so the same
/// parser serves a socket's buffer, a fixture and a fuzzer. An offset outside the span is our own bug (the parser
/// checks the length first) and stops the program rather than reading another field.
extension RawSpan {
    /// The byte at `offset`.
    @inlinable
    package func byte(_ offset: Int) -> UInt8 {
        self.bigEndian(offset, as: UInt8.self)
    }

    /// The big-endian integer that starts at `offset`.
    @inlinable
    package func bigEndian<T: FixedWidthInteger & BitwiseCopyable>(
        _ offset: Int, as type: T.Type = T.self
    ) -> T {
        precondition(offset >= 0 && offset <= self.byteCount - MemoryLayout<T>.size)
        // Every bit pattern is a valid integer, and the bounds were checked above.
        return unsafe T(bigEndian: self.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// The 24-bit big-endian integer that starts at `offset`.
    @inlinable
    package func bigEndian24(_ offset: Int) -> UInt32 {
        UInt32(self.byte(offset)) << 16 | UInt32(self.bigEndian(offset + 1, as: UInt16.self))
    }
}

extension MutableRawSpan {
    /// Stores `value` in big-endian order at `offset`.
    @inlinable
    package mutating func storeBigEndian<T: FixedWidthInteger & BitwiseCopyable>(
        _ value: T, at offset: Int
    ) {
        precondition(offset >= 0 && offset <= self.byteCount - MemoryLayout<T>.size)
        // The bounds were checked above; an integer may be stored at any alignment.
        self.storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
    }
}
