// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// An iSCSI TransportID (SPC-4): whom a parameter list or READ FULL STATUS means.
///
///     0  FORMAT CODE (2 bits), PROTOCOL IDENTIFIER (4 bits) 5h    1  reserved
///     2  ADDITIONAL LENGTH (2), a multiple of four and at least 20
///     4  the name, NUL-terminated and padded: `<iSCSI name>` (format 00b) or `<iSCSI name>,i,0x<ISID>` (format 01b)
///
/// Names are in lower case here, as iSCSI compares them.
enum TransportID {
    /// An initiator, by its iSCSI name: all its ports.
    case device(String)
    /// One initiator port.
    case port(String)

    /// Takes one TransportID off `buffer`. Nil for another protocol, for a name that is none, and for one that does not
    /// end.
    init?(reading buffer: inout ByteBuffer) {
        guard let (format, _, length) = buffer.readMultipleIntegers(as: (UInt8, UInt8, UInt16).self),
            format & 0x0F == 0x05, format & 0x30 == 0, length >= 20, length.isMultiple(of: 4),
            let bytes = buffer.readSlice(length: Int(length))
        else { return nil }
        let name = bytes.readableBytesView.prefix { $0 != 0 }
        guard name.count < bytes.readableBytes, name.count <= Self.longestName, !name.contains(where: { $0 <= 0x20 })
        else { return nil }
        let text = String(decoding: name, as: UTF8.self).lowercased()
        let separator = text.utf8.firstRange(of: ",i,0x".utf8)
        switch (format >> 6, separator) {
        case (0b00, nil) where !text.isEmpty:
            self = .device(text)
        case (0b01, let separator?) where separator.lowerBound > text.startIndex:
            self = .port(text)
        default:
            return nil
        }
    }

    /// - Parameter initiatorPort: a port's name, or an initiator's where its ports are not told apart.
    static func encode(_ initiatorPort: String) -> ByteBuffer {
        var name = ByteBuffer(string: initiatorPort)
        name.writeRepeatingByte(0, count: 4 - name.readableBytes % 4)
        if name.readableBytes < 20 { name.writeRepeatingByte(0, count: 20 - name.readableBytes) }
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt8(initiatorPort.utf8.firstRange(of: ",i,0x".utf8) == nil ? 0x05 : 0x45))
        buffer.writeInteger(UInt8(0))
        buffer.writeInteger(UInt16(clamping: name.readableBytes))
        buffer.writeImmutableBuffer(name)
        return buffer
    }

    /// A 223-byte iSCSI name (RFC 7143 §4.2.7.1), `,i,0x` and twelve digits.
    private static let longestName = 223 + 5 + 12
}
