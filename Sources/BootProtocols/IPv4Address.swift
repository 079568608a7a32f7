// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// An IPv4 address.
package struct IPv4Address: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The address in host order, so that neighbours differ by one.
    package var value: UInt32

    package init(_ value: UInt32) {
        self.value = value
    }

    /// Reads dotted decimal with four parts, as DHCP configuration files write it.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let octet = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(octet)
        }
        self.value = value
    }

    package static let any = IPv4Address(0)
    package static let broadcast = IPv4Address(.max)

    package static func < (left: Self, right: Self) -> Bool {
        left.value < right.value
    }

    package var description: String {
        "\(self.value >> 24).\(self.value >> 16 & 0xff).\(self.value >> 8 & 0xff).\(self.value & 0xff)"
    }

    /// The four bytes as they go on the wire.
    package var bytes: [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: self.value >> $0) }
    }

    /// The subnet mask with `prefixLength` leading ones (0 to 32).
    package static func mask(prefixLength: Int) -> IPv4Address {
        precondition((0...32).contains(prefixLength))
        return IPv4Address(prefixLength == 0 ? 0 : ~UInt32(0) << UInt32(32 - prefixLength))
    }

    /// Whether both addresses are on the same subnet.
    package func isNeighbour(of other: IPv4Address, mask: IPv4Address) -> Bool {
        self.value & mask.value == other.value & mask.value
    }
}
