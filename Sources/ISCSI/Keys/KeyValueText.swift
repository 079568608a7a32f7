// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

/// One `key=value` of a login or text PDU.
package struct KeyValue: Hashable, Sendable {
    package var key: String
    package var value: String

    package init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }
}

/// The text of login and text PDUs: `key=value` pairs, each ended by a NUL (RFC 7143 §6.1).
package enum KeyValueText {
    /// Why text is not a list of pairs.
    package enum ParseError: Error, Equatable {
        case missingTerminator
        case missingEquals
        case emptyKey
        case keyTooLong
        case valueTooLong
        case notText
    }

    /// Reads all pairs of `text`.
    package static func parse(_ text: ByteBuffer) throws(ParseError) -> [KeyValue] {
        var rest = text.readableBytesView[...]
        var pairs: [KeyValue] = []
        while let end = rest.firstIndex(of: 0) {
            let pair = rest[..<end]
            rest = rest[(end + 1)...]
            // Several initiators pad their text with NULs; an empty pair says nothing.
            if pair.isEmpty { continue }
            pairs.append(try Self.parsePair(pair))
        }
        guard rest.isEmpty else { throw .missingTerminator }
        return pairs
    }

    private static func parsePair(_ pair: ByteBufferView) throws(ParseError) -> KeyValue {
        guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { throw .missingEquals }
        let key = pair[..<equals]
        let value = pair[(equals + 1)...]
        guard !key.isEmpty else { throw .emptyKey }
        guard key.count <= Limits.keyNameLength else { throw .keyTooLong }
        guard value.count <= Limits.longestValue else { throw .valueTooLong }
        guard let keyText = String(validating: key, as: UTF8.self),
            let valueText = String(validating: value, as: UTF8.self)
        else { throw .notText }
        return KeyValue(keyText, valueText)
    }

    /// Appends `pairs` to `buffer` in their wire format.
    package static func write(_ pairs: some Sequence<KeyValue>, to buffer: inout ByteBuffer) {
        for pair in pairs {
            buffer.writeString(pair.key)
            buffer.writeInteger(UInt8(ascii: "="))
            buffer.writeString(pair.value)
            buffer.writeInteger(0 as UInt8)
        }
    }

    /// The wire format of `pairs`.
    package static func encode(_ pairs: some Sequence<KeyValue>) -> ByteBuffer {
        var buffer = ByteBuffer()
        Self.write(pairs, to: &buffer)
        return buffer
    }
}

/// A number as keys write it: decimal, or hexadecimal after `0x` (RFC 7143 §6.1).
package func parseKeyNumber(_ text: String) -> UInt32? {
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
        let digits = text.dropFirst(2)
        guard let first = digits.first, first.isHexDigit else { return nil }
        return UInt32(digits, radix: 16)
    }
    // UInt32(_:) would take a sign.
    guard let first = text.first, first.isNumber else { return nil }
    return UInt32(text)
}
