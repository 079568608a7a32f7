// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A network that initiators come from, as `10.0.0.0/8` and `fd00::/8` write one.
package struct SourceNetwork: Hashable, Sendable {
    /// 4 or 16 bytes in network order.
    private let bytes: [UInt8]
    private let prefixLength: Int

    /// - Parameter bytes: an address of the network; what lies behind the prefix does not count.
    package init?(bytes: [UInt8], prefixLength: Int) {
        let bytes = Self.unmapped(bytes)
        guard bytes.count == 4 || bytes.count == 16, (0...bytes.count * 8).contains(prefixLength) else { return nil }
        self.bytes = bytes
        self.prefixLength = prefixLength
    }

    /// Whether the address, of 4 or 16 bytes, lies in it.
    package func contains(_ address: [UInt8]) -> Bool {
        let address = Self.unmapped(address)
        guard address.count == self.bytes.count else { return false }
        for (index, (one, other)) in zip(self.bytes, address).enumerated() {
            let bits = min(8, self.prefixLength - index * 8)
            guard bits > 0 else { break }
            guard (one ^ other) >> UInt8(8 - bits) == 0 else { return false }
        }
        return true
    }

    /// The IPv4 address that an IPv6 socket shows as `::ffff:10.0.0.1` (RFC 4291 §2.5.5.2).
    private static func unmapped(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count == 16, bytes[0..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff else {
            return bytes
        }
        return Array(bytes[12...])
    }
}
