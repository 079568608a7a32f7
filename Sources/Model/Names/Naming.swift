// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What names may look like, and the names that Apus makes.
package enum Naming {
    /// The naming authority of names that Apus makes.
    package static let prefix = "iqn.2026-11.org.apus"

    /// What is wrong with an iSCSI name (RFC 7143 §4.2.7), in words; nil when nothing is.
    package static func flaw(inISCSIName name: String) -> String? {
        guard name.utf8.count <= Limits.iscsiNameBytes else {
            return "it has \(name.utf8.count) bytes, \(Limits.iscsiNameBytes) are allowed"
        }
        if name.hasPrefix("iqn.") { return Self.flaw(inQualifiedName: name.dropFirst(4)) }
        if name.hasPrefix("eui.") {
            return Self.isHexadecimal(name.dropFirst(4), digits: [16])
                ? nil : "eui. is followed by 16 hexadecimal digits"
        }
        if name.hasPrefix("naa.") {
            return Self.isHexadecimal(name.dropFirst(4), digits: [16, 32])
                ? nil : "naa. is followed by 16 or 32 hexadecimal digits"
        }
        return "it begins with none of iqn. eui. naa."
    }

    private static func flaw(inQualifiedName rest: Substring) -> String? {
        if let odd = rest.unicodeScalars.first(where: { !Self.isAllowed($0) }) {
            return odd.properties.isUppercase
                ? "it has the capital letter \(odd), only small ones are allowed"
                : "it has the character \(odd), only letters, digits, - . : are allowed"
        }
        let date = Array(rest.prefix(8).utf8)
        let digits = [0, 1, 2, 3, 5, 6]
        guard date.count == 8, date[4] == UInt8(ascii: "-"), date[7] == UInt8(ascii: "."),
            digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(date[$0]) }),
            let month = Int(rest.dropFirst(5).prefix(2)), (1...12).contains(month)
        else { return "iqn. is followed by a year and a month: iqn.2026-11.org.example:name" }
        let authority = rest.dropFirst(8).prefix { $0 != ":" }
        guard !authority.isEmpty, authority.first != ".", authority.last != "." else {
            return "a reversed domain name follows the date: iqn.2026-11.org.example:name"
        }
        return nil
    }

    /// What is wrong with a client's name, which becomes part of file and iSCSI names; nil when nothing is.
    package static func flaw(inClientName name: String) -> String? {
        guard (1...Limits.clientNameBytes).contains(name.utf8.count) else {
            return "a name has 1 to \(Limits.clientNameBytes) characters"
        }
        let isGood = name.utf8.allSatisfy {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || Self.isDigit($0)
                || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
        }
        guard isGood, name.first?.isLetter == true || name.first?.isNumber == true else {
            return "a name has small letters, digits, - and ., and begins with a letter or digit"
        }
        return nil
    }

    /// What is wrong with a backstore's name; nil when nothing is.
    package static func flaw(inBackstoreName name: String) -> String? {
        guard (1...Limits.backstoreNameBytes).contains(name.utf8.count) else {
            return "a name has 1 to \(Limits.backstoreNameBytes) bytes"
        }
        let isGood = name.unicodeScalars.allSatisfy { $0.isASCII && $0.value > 0x20 && $0.value < 0x7f && $0 != "/" }
        return isGood ? nil : "a name has printable ASCII characters without blanks and /"
    }

    /// A UUID that follows from `text` alone, for units whose serial number nobody chose.
    package static func serial(from text: String) -> String {
        // FNV-1a with two starting values: it need be stable and well spread, not secret.
        func hash(_ start: UInt64) -> UInt64 {
            text.utf8.reduce(start) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
        }
        let bits = [hash(0xcbf2_9ce4_8422_2325), hash(0x9ae1_6a3b_2f90_404f)]
        let digits = bits.map { bits in
            let hex = String(bits, radix: 16)
            return String(repeating: "0", count: 16 - hex.utf8.count) + hex
        }.joined()
        return UUIDText.grouped(digits)
    }

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "0"..."9", "-", ".", ":": true
        // RFC 3722 allows letters beyond ASCII where they have no capital form left.
        default: !scalar.isASCII && scalar.properties.isAlphabetic && !scalar.properties.isUppercase
        }
    }

    private static func isHexadecimal(_ text: Substring, digits: Set<Int>) -> Bool {
        digits.contains(text.utf8.count) && text.utf8.allSatisfy { Self.hexDigit($0) != nil }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Ethernet addresses as text.
package enum MACText {
    /// `52:54:00:12:34:56` for that and for the ways with hyphens, without separators or with capitals.
    package static func canonical(_ text: String) -> String? {
        let digits = text.utf8.filter { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "-") }
            .compactMap(Naming.hexDigit)
        let separators = text.utf8.count - digits.count
        guard digits.count == 12, separators == 0 || separators == 5,
            text.utf8.count(where: { Naming.hexDigit($0) != nil }) == 12
        else { return nil }
        return stride(from: 0, to: 12, by: 2).map {
            String(digits[$0], radix: 16) + String(digits[$0 + 1], radix: 16)
        }.joined(separator: ":")
    }

    /// Whether no machine can have this address: it is a group's.
    package static func isGroup(_ canonical: String) -> Bool {
        canonical.utf8.dropFirst().first.flatMap(Naming.hexDigit).map { $0 & 1 == 1 } ?? false
    }
}
