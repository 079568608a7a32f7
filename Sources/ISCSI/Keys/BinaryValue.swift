// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Binary values of keys: hexadecimal after `0x`, base64 after `0b` (RFC 7143 §6.1).
package enum BinaryValue {
    /// Reads a value of at most `limit` bytes; nil where it is neither of both, or longer.
    package static func parse(_ text: String, limit: Int) -> [UInt8]? {
        let bytes = Array(text.utf8)
        guard bytes.count > 2, bytes[0] == UInt8(ascii: "0") else { return nil }
        let digits = bytes[2...]
        switch bytes[1] {
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            guard digits.count.isMultiple(of: 2), digits.count / 2 <= limit else { return nil }
            return Self.hexadecimal(digits)
        case UInt8(ascii: "b"), UInt8(ascii: "B"):
            guard digits.count / 4 <= limit / 3 + 1, let value = Self.base64(digits), value.count <= limit else {
                return nil
            }
            return value
        default:
            return nil
        }
    }

    /// `0x` and two digits a byte, which every initiator reads.
    package static func encode(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return "0x" + String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
        var value: [UInt8] = []
        value.reserveCapacity(digits.count / 2)
        var high: UInt8?
        for byte in digits {
            guard let digit = Self.hexDigit(byte) else { return nil }
            if let first = high {
                value.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return value
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// RFC 4648 §4. The bits that fill up the last digit must be zero, so that a value has one spelling.
    private static func base64(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 4) else { return nil }
        let padding = text.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2 else { return nil }
        var value: [UInt8] = []
        value.reserveCapacity(text.count / 4 * 3)
        var bits: UInt32 = 0
        var count = 0
        for byte in text.dropLast(padding) {
            guard let digit = Self.base64Digit(byte) else { return nil }
            bits = bits << 6 | UInt32(digit)
            count += 6
            guard count >= 8 else { continue }
            count -= 8
            value.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
            bits &= (1 << UInt32(count)) - 1
        }
        return bits == 0 ? value : nil
    }

    private static func base64Digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
