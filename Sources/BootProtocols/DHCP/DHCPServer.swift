// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A DHCP server for one subnet, its own or a relay agent's (RFC 2131 §4.3), as a machine: messages and the time in, answers out.
///
/// It is the only server of its network, and says so when it must: an address that it does not know is acknowledged
/// when it is free and refused (NAK) when it is not. RFC 2131 §4.3.2 has a server stay silent about addresses that it
/// has no record of, so that several servers can share a network; but a lone server that forgot its leases would leave
/// its machines waiting for a time-out. Deviates: there, and in keeping leases by Ethernet address (see `LeaseTable`).
package struct DHCPServer: Sendable {
    private let configuration: Configuration
    package private(set) var leases: LeaseTable

    package struct Configuration: Hashable, Sendable {
        package var server: IPv4Address
        package var first: IPv4Address
        package var last: IPv4Address
        package var prefixLength: Int
        package var router: IPv4Address?
        package var leaseSeconds: UInt32
        /// Told besides, to clients that ask for them; name servers and the like.
        package var options: [DHCPOption]

        package init(
            server: IPv4Address, first: IPv4Address, last: IPv4Address, prefixLength: Int, router: IPv4Address?,
            leaseSeconds: UInt32, options: [DHCPOption] = []
        ) {
            self.server = server
            self.first = first
            self.last = last
            self.prefixLength = prefixLength
            self.router = router
            self.leaseSeconds = leaseSeconds
            self.options = options
        }

        var mask: IPv4Address {
            .mask(prefixLength: self.prefixLength)
        }
    }

    /// What is wrong with a configuration.
    package enum ConfigurationError: Error, Hashable {
        case prefixLength(Int)
        /// The range runs backwards or holds more addresses than `Limits.leasesMax`.
        case range
        /// This address is not on the subnet of the range's first one.
        case foreignAddress(IPv4Address)
        /// The range takes in the subnet's own address or its broadcast address.
        case networkAddress(IPv4Address)
        case leaseSeconds(UInt32)
        /// Another range begins on the subnet of this address already.
        case sharedSubnet(IPv4Address)
    }

    package init(_ configuration: Configuration) throws(ConfigurationError) {
        guard (1...30).contains(configuration.prefixLength) else {
            throw .prefixLength(configuration.prefixLength)
        }
        for address in [configuration.first, configuration.last] + (configuration.router.map { [$0] } ?? []) {
            guard address.isNeighbour(of: configuration.first, mask: configuration.mask) else {
                throw .foreignAddress(address)
            }
        }
        guard configuration.first <= configuration.last,
            configuration.last.value - configuration.first.value < UInt32(Limits.leasesMax)
        else { throw .range }
        let network = IPv4Address(configuration.first.value & configuration.mask.value)
        let broadcast = IPv4Address(network.value | ~configuration.mask.value)
        if configuration.first == network { throw .networkAddress(network) }
        if configuration.last == broadcast { throw .networkAddress(broadcast) }
        // Below a minute a machine spends its time renewing.
        guard configuration.leaseSeconds >= 60 else { throw .leaseSeconds(configuration.leaseSeconds) }
        self.configuration = configuration
        self.leases = LeaseTable(
            first: configuration.first, last: configuration.last,
            reserved: Set([configuration.server] + (configuration.router.map { [$0] } ?? [])),
            subnet: network.value + 1...broadcast.value - 1)
    }

    package mutating func restore(_ leases: [Lease]) {
        for lease in leases { self.leases.restore(lease) }
    }

    /// Answers a message. `boot` is what the client is told about booting; `now` counts seconds.
    package mutating func received(
        _ message: DHCPMessage, boot: BootAnswer, reservations: Reservations = .none, now: UInt64
    ) -> DHCPOutcome {
        guard message.operation == .request else { return .silent(.ignored("a reply, not a request")) }
        guard let mac = message.mac else { return .silent(.ignored("not an Ethernet client")) }
        guard let type = message.type else { return .silent(.ignored("BOOTP without DHCP")) }
        switch type {
        case .discover: return self.discover(message, mac, boot, reservations, now)
        case .request: return self.request(message, mac, boot, reservations, now)
        case .decline: return self.decline(message, mac, now)
        case .release: return self.release(message, mac, now)
        case .inform: return self.inform(message, boot)
        case .offer, .ack, .nak: return .silent(.ignored("a server's message"))
        }
    }

    /// Whether `address` is on this server's subnet.
    func serves(_ address: IPv4Address) -> Bool {
        address.isNeighbour(of: self.configuration.first, mask: self.configuration.mask)
    }

    private mutating func discover(
        _ message: DHCPMessage, _ mac: MACAddress, _ boot: BootAnswer, _ reservations: Reservations, _ now: UInt64
    ) -> DHCPOutcome {
        let wish = message.requestedAddress
        guard let lease = self.leases.offer(mac, wish: wish, reservations: reservations, now: now) else {
            return .silent(
                .refused("no free address between \(self.configuration.first) and \(self.configuration.last)"))
        }
        let reply = self.reply(.offer, to: message, address: lease.address, boot: boot)
        return DHCPOutcome(reply: reply, remark: .offered(lease.address, bootFile: boot.bootFile))
    }

    /// RFC 2131 §4.3.2: the client's state shows in which fields are filled.
    private mutating func request(
        _ message: DHCPMessage, _ mac: MACAddress, _ boot: BootAnswer, _ reservations: Reservations, _ now: UInt64
    ) -> DHCPOutcome {
        if let chosen = message.serverIdentifier, chosen != self.configuration.server {
            if self.leases.lease(of: mac)?.isBound == false { self.leases.release(mac, now: now) }
            return .silent(.refused("took the offer of another DHCP server, \(chosen)"))
        }
        // SELECTING and INIT-REBOOT name the address in option 50, RENEWING and REBINDING in ciaddr.
        let named = message.requestedAddress ?? message.clientAddress
        guard named != .any else { return .silent(.refused("a request without an address")) }
        let expires = now + UInt64(self.configuration.leaseSeconds)
        guard self.leases.bind(mac, named, expires: expires, reservations: reservations, now: now) else {
            let reason = "\(named) is not an address that it may have here"
            var nak = message.reply(.nak, from: self.configuration.server)
            nak.options.append(.message(reason))
            nak.options.append(contentsOf: message.echoedOptions)
            return DHCPOutcome(reply: DHCPReply(nak, to: message), remark: .refused(reason))
        }
        let reply = self.reply(.ack, to: message, address: named, boot: boot)
        return DHCPOutcome(reply: reply, remark: .acknowledged(named, bootFile: boot.bootFile))
    }

    private mutating func decline(_ message: DHCPMessage, _ mac: MACAddress, _ now: UInt64) -> DHCPOutcome {
        guard message.serverIdentifier == self.configuration.server, let address = message.requestedAddress else {
            return .silent(.ignored("declines another server's address"))
        }
        self.leases.decline(mac, address, now: now)
        return .silent(.refused("declined \(address): another machine answers on that address"))
    }

    private mutating func release(_ message: DHCPMessage, _ mac: MACAddress, _ now: UInt64) -> DHCPOutcome {
        guard let lease = self.leases.lease(of: mac), lease.address == message.clientAddress else {
            return .silent(.ignored("releases an address that it does not have"))
        }
        self.leases.release(mac, now: now)
        return .silent(.released(lease.address))
    }

    /// RFC 2131 §4.3.5: parameters only, no address and no lease time.
    private func inform(_ message: DHCPMessage, _ boot: BootAnswer) -> DHCPOutcome {
        guard message.clientAddress != .any else { return .silent(.refused("an INFORM without its address")) }
        let reply = self.reply(.ack, to: message, address: nil, boot: boot)
        return DHCPOutcome(reply: reply, remark: .acknowledged(nil, bootFile: boot.bootFile))
    }

    private func reply(
        _ type: DHCPMessageType, to message: DHCPMessage, address: IPv4Address?, boot: BootAnswer
    ) -> DHCPReply {
        var reply = message.reply(type, from: self.configuration.server)
        // Only an ACK copies ciaddr (RFC 2131 table 3).
        if type == .ack { reply.clientAddress = message.clientAddress }
        if let address {
            let lease = self.configuration.leaseSeconds
            reply.yourAddress = address
            // T1 and T2 as RFC 2131 §4.4.5 has them by default.
            reply.options += [
                .leaseSeconds(lease), .renewalSeconds(lease / 2), .rebindingSeconds(lease / 8 * 7),
            ]
        }
        reply.options.append(.subnetMask(self.configuration.mask))
        if let router = self.configuration.router { reply.options.append(.routers([router])) }
        boot.apply(to: &reply, requested: message.parameterRequestList)
        let told = Set(reply.options.map(\.code))
        reply.options += self.configuration.options.filter {
            message.parameterRequestList.contains($0.code) && !told.contains($0.code)
        }
        reply.options.append(contentsOf: message.echoedOptions)
        return DHCPReply(reply, to: message)
    }
}
