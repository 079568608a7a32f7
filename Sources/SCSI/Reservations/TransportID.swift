// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// An iSCSI TransportID (SPC-4): the name of an initiator port, as parameter lists and READ FULL STATUS carry it.
///
///     0  FORMAT CODE (2 bits) 01b, PROTOCOL IDENTIFIER (4 bits) 5h    1  reserved
///     2  ADDITIONAL LENGTH (2)    4  `<iSCSI name>,i,0x<ISID>`, NUL-terminated and padded to a multiple of four
enum TransportID {
    static func encode(_ initiatorPort: String) -> ByteBuffer {
        var name = ByteBuffer(string: initiatorPort)
        name.writeRepeatingByte(0, count: 4 - name.readableBytes % 4)
        if name.readableBytes < 20 { name.writeRepeatingByte(0, count: 20 - name.readableBytes) }
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt8(0x45))
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt16(clamping: name.readableBytes))
        buffer.writeImmutableBuffer(name)
        return buffer
    }

    /// Takes one TransportID off `buffer` and returns its initiator port, in lower case. Nil for another protocol, for
    /// a name without an ISID, and for one that does not end.
    static func read(from buffer: inout ByteBuffer) -> String? {
        guard let (format, _, length) = buffer.readMultipleIntegers(as: (UInt8, UInt8, UInt16).self),
            format & 0xCF == 0x45, let bytes = buffer.readSlice(length: Int(length))
        else { return nil }
        let name = bytes.readableBytesView.prefix { $0 != 0 }
        guard name.count < bytes.readableBytes, name.count <= self.longestName else { return nil }
        let text = String(decoding: name, as: UTF8.self).lowercased()
        guard let separator = text.utf8.firstRange(of: ",i,0x".utf8), separator.lowerBound > text.startIndex else {
            return nil
        }
        return text
    }

    /// A 223-byte iSCSI name (RFC 7143 §4.2.7.1), `,i,0x` and twelve digits.
    private static let longestName = 223 + 5 + 12
}
