// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A DHCP server for several subnets: its own and those behind relay agents, each with a range of addresses.
package struct DHCPSubnets: Sendable {
    private var servers: [DHCPServer]
    /// The server's own address, in whose subnet clients without a relay agent are.
    private let own: IPv4Address

    /// - Parameter configurations: All with the same server.
    package init(
        server: IPv4Address, _ configurations: [DHCPServer.Configuration]
    ) throws(DHCPServer.ConfigurationError) {
        self.own = server
        self.servers = []
        for configuration in configurations {
            guard !self.servers.contains(where: { $0.serves(configuration.first) }) else {
                throw .sharedSubnet(configuration.first)
            }
            self.servers.append(try DHCPServer(configuration))
        }
    }

    package mutating func received(
        _ message: DHCPMessage, boot: BootAnswer, reservations: Reservations = .none, now: UInt64
    ) -> DHCPOutcome {
        let link = message.link ?? self.own
        guard let index = self.servers.firstIndex(where: { $0.serves(link) }) else {
            guard message.relayAddress != .any else {
                return .silent(.ignored("no range of addresses for \(link)"))
            }
            return .silent(
                .refused("its relay agent \(message.relayAddress) is on a subnet without a range of addresses"))
        }
        return self.servers[index].received(message, boot: boot, reservations: reservations, now: now)
    }

    /// All leases, ended ones too: what is worth keeping over a restart.
    package var leases: [Lease] {
        self.servers.flatMap(\.leases.all)
    }

    /// Counts what happened to `leases`.
    package var leaseChanges: UInt64 {
        self.servers.reduce(0) { $0 &+ $1.leases.changes }
    }

    package mutating func restore(_ leases: [Lease]) {
        for index in self.servers.indices {
            let server = self.servers[index]
            self.servers[index].restore(leases.filter { server.serves($0.address) })
        }
    }
}

extension DHCPMessage {
    /// An address on the client's link, where the message tells one.
    ///
    /// The relay agent's link selection (RFC 3527) goes before its own address (giaddr); a client that renews its
    /// lease sends past its relay agent, and is on the subnet of the address that it has.
    var link: IPv4Address? {
        let selected: IPv4Address? = self.first { option in
            guard case .relayAgentInformation(let bytes) = option else { return nil }
            return Self.linkSelection(bytes)
        }
        if let selected { return selected }
        if self.relayAddress != .any { return self.relayAddress }
        return self.clientAddress == .any ? nil : self.clientAddress
    }

    /// Sub-option 5 of option 82, four bytes.
    private static func linkSelection(_ bytes: [UInt8]) -> IPv4Address? {
        var at = 0
        while at + 1 < bytes.count {
            let length = Int(bytes[at + 1])
            guard length <= bytes.count - at - 2 else { return nil }
            if bytes[at] == 5, length == 4 {
                return IPv4Address(bytes[at + 2..<at + 6].reduce(0) { $0 << 8 | UInt32($1) })
            }
            at += 2 + length
        }
        return nil
    }
}
