// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Addresses that the configuration keeps for machines ("static leases").
package struct Reservations: Hashable, Sendable {
    private let addresses: [MACAddress: IPv4Address]
    private let owners: [IPv4Address: MACAddress]

    package static let none = Reservations([:])

    /// Of two machines with one address neither has it, for either may be running.
    package init(_ addresses: [MACAddress: IPv4Address]) {
        let owners = Dictionary(addresses.map { ($0.value, [$0.key]) }, uniquingKeysWith: +)
        self.owners = owners.compactMapValues { $0.count == 1 ? $0[0] : nil }
        self.addresses = addresses.filter { owners[$0.value]?.count == 1 }
    }

    package func address(of mac: MACAddress) -> IPv4Address? {
        self.addresses[mac]
    }

    package func owner(of address: IPv4Address) -> MACAddress? {
        self.owners[address]
    }
}
