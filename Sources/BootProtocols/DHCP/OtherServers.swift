// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The search for other DHCP servers on the network of a server that takes itself for the only one.
///
/// A DISCOVER with our own address as the relay agent's makes them offer to our port 67, where a server listens anyway
/// (RFC 2131 §4.1), instead of to a client's port 68, which may be somebody else's on this host. Nothing is requested,
/// so their offers lapse.
package struct OtherServers: Sendable {
    private let own: IPv4Address
    private var transaction: UInt32 = 0
    private var known: Set<IPv4Address> = []

    /// What a message means to the search.
    package enum Finding: Hashable, Sendable {
        /// It has nothing to do with it.
        case unrelated
        /// Our own question, as broadcasts come back, or an answer that tells nothing new.
        case nothing
        case found(IPv4Address)
    }

    /// A hardware address that no card has: the bit for local administration is set.
    private static let hardwareAddress: [UInt8] =
        [0x02, 0x61, 0x70, 0x75, 0x73, 0x00] + [UInt8](repeating: 0, count: 10)

    package init(own: IPv4Address) {
        self.own = own
    }

    package mutating func question(transaction: UInt32) -> DHCPMessage {
        self.transaction = transaction
        return DHCPMessage(
            operation: .request, hops: 1, transaction: transaction, relayAddress: self.own,
            hardwareAddress: Self.hardwareAddress, options: [.messageType(.discover)])
    }

    package mutating func received(_ message: DHCPMessage) -> Finding {
        if message.hardwareAddress == Self.hardwareAddress, message.operation == .request { return .nothing }
        guard message.operation == .reply else { return .unrelated }
        guard message.transaction == self.transaction, message.type == .offer,
            let server = message.serverIdentifier, server != self.own, self.known.count < Limits.otherServersMax,
            self.known.insert(server).inserted
        else { return .nothing }
        return .found(server)
    }
}
