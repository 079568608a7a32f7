// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// An Ethernet address.
package struct MACAddress: Hashable, Sendable, CustomStringConvertible {
    package var bytes: [6 of UInt8]

    package init(_ bytes: [6 of UInt8]) {
        self.bytes = bytes
    }

    /// Reads `52:54:00:12:34:56`, also with hyphens or without separators, in either case.
    package init?(_ text: String) {
        let separators: Set<Character> = [":", "-"]
        let digits = text.filter { !separators.contains($0) }
        guard digits.utf8.count == 12, text.utf8.count == 12 || text.utf8.count == 17 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard let nibble = digit.hexDigitValue else { return nil }
            value = value << 4 | UInt64(nibble)
        }
        self.bytes = [6 of UInt8] { UInt8(truncatingIfNeeded: value >> (8 * (5 - $0))) }
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.value == right.value
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.value)
    }

    /// Lower-case hexadecimal with colons.
    package var description: String {
        (0..<6).map { index in
            let hex = String(self.bytes[index], radix: 16)
            return hex.utf8.count == 1 ? "0" + hex : hex
        }.joined(separator: ":")
    }

    private var value: UInt64 {
        (0..<6).reduce(0) { $0 << 8 | UInt64(self.bytes[$1]) }
    }
}

/// The client system architecture of DHCP option 93 (RFC 4578 §2.1 and IANA's registry).
package struct ClientArchitecture: RawRepresentable, Hashable, Sendable {
    package var rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let bios = ClientArchitecture(rawValue: 0)
    package static let uefiX86 = ClientArchitecture(rawValue: 6)
    package static let uefiX64 = ClientArchitecture(rawValue: 7)
    package static let uefiBC = ClientArchitecture(rawValue: 9)
    package static let uefiARM64 = ClientArchitecture(rawValue: 11)
    package static let uefiX64HTTP = ClientArchitecture(rawValue: 16)
}
