// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A DHCP option as a user writes it: `6=10.0.0.53,10.0.0.54`, `15=lab.example`, `224=0x0a0b`.
package struct DHCPOptionSetting: Hashable, Sendable {
    package let code: UInt8
    package let value: [UInt8]

    /// What every answer has of its own, so that a user's would be a second one: mask, router, boot file and lease.
    private static let ours: Set<UInt8> = [
        0, 1, 3, 17, 43, 50, 51, 52, 53, 54, 55, 57, 58, 59, 60, 61, 66, 67, 82, 93, 94, 97, 175, 203, 255,
    ]

    /// Addresses if all of it is IPv4 addresses, bytes after `0x`, text otherwise.
    package init?(_ text: String) {
        guard let equals = text.firstIndex(of: "="), let code = UInt8(text[..<equals]), !Self.ours.contains(code) else {
            return nil
        }
        let rest = text[text.index(after: equals)...]
        guard !rest.isEmpty else { return nil }
        let addresses = rest.split(separator: ",", omittingEmptySubsequences: false).map {
            IPAddress(String($0))?.ipv4Value
        }
        if addresses.allSatisfy({ $0 != nil }) {
            self.value = addresses.compactMap(\.self).flatMap { address in
                [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: address >> $0) }
            }
        } else if rest.hasPrefix("0x") {
            let digits = rest.dropFirst(2).map(\.hexDigitValue)
            guard !digits.isEmpty, digits.count.isMultiple(of: 2), digits.allSatisfy({ $0 != nil }) else { return nil }
            let nibbles = digits.compactMap(\.self)
            self.value = stride(from: 0, to: nibbles.count, by: 2).map { UInt8(nibbles[$0] << 4 | nibbles[$0 + 1]) }
        } else {
            self.value = Array(rest.utf8)
        }
        guard self.value.count <= Limits.dhcpOptionBytes else { return nil }
        self.code = code
    }
}

/// A range of UDP ports as a user writes it: `50000-50099`.
package struct PortRange: Hashable, Sendable {
    package let ports: ClosedRange<Int>

    package init?(_ text: String) {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard ends.count == 2, let first = ends[0], let last = ends[1], (1024...65_535).contains(first),
            (first...65_535).contains(last)
        else { return nil }
        self.ports = first...last
    }
}
