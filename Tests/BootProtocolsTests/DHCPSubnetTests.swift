// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Testing

@Suite("DHCP for several subnets")
struct DHCPSubnetTests {
    private static func subnets() throws -> DHCPSubnets {
        try DHCPSubnets(
            server: "10.77.0.1",
            [
                .init(
                    server: "10.77.0.1", first: "10.77.0.50", last: "10.77.0.53", prefixLength: 24, router: nil,
                    leaseSeconds: 600),
                .init(
                    server: "10.77.0.1", first: "10.9.0.50", last: "10.9.0.53", prefixLength: 24, router: "10.9.0.1",
                    leaseSeconds: 600),
            ])
    }

    private static func prefix(_ outcome: DHCPOutcome) -> String? {
        outcome.reply.map { "\($0.message.yourAddress)" }?.split(separator: ".").prefix(2).joined(separator: ".")
    }

    @Test(
        arguments: [
            (IPv4Address.any, [], "10.77"), ("10.9.0.1", [], "10.9"), ("10.77.0.9", [], "10.77"), ("10.8.0.1", [], nil),
            // Link selection (RFC 3527) goes before the relay agent's own address; a cut one does not count.
            ("10.8.0.1", [1, 1, 9, 5, 4, 10, 9, 0, 7], "10.9"), ("10.77.0.9", [5, 4, 10, 9], "10.77"),
            ("10.9.0.1", [5, 3, 1, 2, 3], "10.9"), ("10.9.0.1", [5], "10.9"),
        ] as [(IPv4Address, [UInt8], String?)])
    func `the relay agent tells the subnet`(_ relay: IPv4Address, _ information: [UInt8], _ prefix: String?) throws {
        var subnets = try Self.subnets()
        let options: [DHCPOption] = information.isEmpty ? [] : [.relayAgentInformation(information)]
        let message = DHCPMessage.from(machine, .discover, options: options, relayAddress: relay)
        #expect(Self.prefix(subnets.received(message, boot: .nothing, now: 0)) == prefix)
    }

    @Test func `a machine behind a relay agent is told its own router and renews without the agent`() throws {
        var subnets = try Self.subnets()
        let offer = subnets.received(
            .from(machine, .discover, relayAddress: "10.9.0.1"), boot: .nothing, now: 0)
        let address = try #require(offer.reply?.message.yourAddress)
        #expect(offer.reply?.message.option(3) == .routers(["10.9.0.1"]))
        #expect(offer.reply?.destination == .relay("10.9.0.1"))
        let request = DHCPMessage.from(
            machine, .request, options: [.serverIdentifier("10.77.0.1"), .requestedAddress(address)],
            relayAddress: "10.9.0.1")
        #expect(subnets.received(request, boot: .nothing, now: 1).reply?.message.type == .ack)
        let renewal = subnets.received(
            .from(machine, .request, clientAddress: address), boot: .nothing, now: 300)
        #expect(renewal.reply?.message.type == .ack)
        #expect(renewal.reply?.destination == .client(address))
        #expect(subnets.leases.map(\.address) == [address])
    }

    @Test func `leases of every subnet survive a restart, and only changes are worth writing`() throws {
        var before = try Self.subnets()
        let idle = before.leaseChanges
        _ = before.received(.from(machine, .discover), boot: .nothing, now: 0)
        #expect(before.leaseChanges == idle)
        for relay in [IPv4Address.any, "10.9.0.1"] {
            let client = relay == .any ? machine : mac(9)
            let address: IPv4Address = relay == .any ? "10.77.0.51" : "10.9.0.52"
            let request = DHCPMessage.from(client, .request, options: [.requestedAddress(address)], relayAddress: relay)
            #expect(before.received(request, boot: .nothing, now: 1).reply?.message.type == .ack)
        }
        #expect(before.leaseChanges == idle + 2)
        var after = try Self.subnets()
        let text = LeaseText.write(before.leases, now: (clock: 1, epoch: 1_000_001))
        after.restore(LeaseText.read(text, now: (clock: 500, epoch: 1_000_011)))
        #expect(Set(after.leases.map(\.address)) == ["10.77.0.51", "10.9.0.52"])
        #expect(after.leases.allSatisfy { $0.expires == 500 + 590 && $0.isBound })
    }

    @Test func `two ranges on one subnet are refused`() throws {
        let range = DHCPServer.Configuration(
            server: "10.77.0.1", first: "10.77.0.50", last: "10.77.0.53", prefixLength: 24, router: nil,
            leaseSeconds: 600)
        var other = range
        other.first = "10.77.0.100"
        other.last = "10.77.0.110"
        #expect(throws: DHCPServer.ConfigurationError.sharedSubnet("10.77.0.100")) {
            try DHCPSubnets(server: "10.77.0.1", [range, other])
        }
    }
}

@Suite("Addresses kept for machines")
struct ReservationTests {
    private static let reservations = Reservations([machine: "10.77.0.51", mac(2): "10.77.0.200"])

    private static func ask(
        _ server: inout DHCPServer, _ client: MACAddress, wish: IPv4Address? = nil, now: UInt64 = 0
    ) -> IPv4Address? {
        let message = DHCPMessage.from(client, .discover, options: wish.map { [.requestedAddress($0)] } ?? [])
        let outcome = server.received(message, boot: .nothing, reservations: Self.reservations, now: now)
        return outcome.reply?.message.yourAddress
    }

    @Test func `a machine gets its address, in the range or outside of it, whatever it wishes`() throws {
        var server = try DHCPServerTests.server()
        #expect(Self.ask(&server, machine, wish: "10.77.0.53") == "10.77.0.51")
        #expect(Self.ask(&server, mac(2)) == "10.77.0.200")
        let request = DHCPMessage.from(mac(2), .request, options: [.requestedAddress("10.77.0.200")])
        let ack = server.received(request, boot: .nothing, reservations: Self.reservations, now: 1).reply
        #expect(ack?.message.type == .ack)
    }

    @Test func `nobody else gets it`() throws {
        var server = try DHCPServerTests.server()
        let others = (10..<14).map { Self.ask(&server, mac($0), wish: "10.77.0.51") }
        #expect(Set(others.compactMap(\.self)) == ["10.77.0.50", "10.77.0.52", "10.77.0.53"])
        #expect(others.last == .some(nil))
    }

    @Test func `a machine that had another address is moved`() throws {
        var server = try DHCPServerTests.server()
        let request = DHCPMessage.from(machine, .request, options: [.requestedAddress("10.77.0.53")])
        #expect(server.received(request, boot: .nothing, now: 0).reply?.message.type == .ack)
        let renewal = DHCPMessage.from(machine, .request, clientAddress: "10.77.0.53")
        let answer = server.received(renewal, boot: .nothing, reservations: Self.reservations, now: 9).reply
        #expect(answer?.message.type == .nak)
        #expect(Self.ask(&server, machine, now: 10) == "10.77.0.51")
    }

    @Test func `whoever has the address now keeps it until the lease ends`() throws {
        var server = try DHCPServerTests.server()
        let request = DHCPMessage.from(mac(7), .request, options: [.requestedAddress("10.77.0.51")])
        #expect(server.received(request, boot: .nothing, now: 0).reply?.message.type == .ack)
        #expect(Self.ask(&server, machine, now: 1) != "10.77.0.51")
        #expect(Self.ask(&server, machine, now: 700) == "10.77.0.51")
    }

    @Test func `an address of two machines is nobody's`() {
        let reservations = Reservations([machine: "10.77.0.51", mac(2): "10.77.0.51"])
        #expect(reservations.address(of: machine) == nil && reservations.owner(of: "10.77.0.51") == nil)
    }
}

@Suite("Leases in a file")
struct LeaseTextTests {
    @Test(arguments: [
        "", "\n\n", "x", "1 52:54:00:12:34:56", "-1 52:54:00:12:34:56 10.0.0.1", "9 nobody 10.0.0.1",
        "9 52:54:00:12:34:56 10.0.0.256", "9 52:54:00:12:34:56 10.0.0.1 more",
    ])
    func `lines that make no sense are passed over`(_ line: String) {
        let text = "\(line)\n2000 52:54:00:12:34:56 10.0.0.1\n"
        let leases = LeaseText.read(text, now: (clock: 50, epoch: 1990))
        #expect(leases == [Lease(mac: machine, address: "10.0.0.1", expires: 60, isBound: true)])
    }

    @Test func `a lease that ended while nobody ran has ended`() {
        let leases = LeaseText.read("2000 52:54:00:12:34:56 10.0.0.1", now: (clock: 50, epoch: 3000))
        #expect(leases == [Lease(mac: machine, address: "10.0.0.1", expires: 50, isBound: false)])
    }
}

@Suite("Other DHCP servers")
struct OtherServersTests {
    private static func offer(from server: IPv4Address, to question: DHCPMessage) -> DHCPMessage {
        question.reply(.offer, from: server)
    }

    @Test func `an offer to our question by another server is found once`() {
        var search = OtherServers(own: "10.77.0.1")
        let question = search.question(transaction: 7)
        #expect(question.relayAddress == "10.77.0.1" && question.type == .discover)
        #expect(search.received(question) == .nothing)
        #expect(search.received(Self.offer(from: "10.77.0.1", to: question)) == .nothing)
        #expect(search.received(Self.offer(from: "10.77.0.2", to: question)) == .found("10.77.0.2"))
        #expect(search.received(Self.offer(from: "10.77.0.2", to: question)) == .nothing)
    }

    @Test func `clients' messages are left alone, strange replies are dropped`() {
        var search = OtherServers(own: "10.77.0.1")
        let question = search.question(transaction: 7)
        #expect(search.received(.from(machine, .discover)) == .unrelated)
        var strange = Self.offer(from: "10.77.0.2", to: question)
        strange.transaction = 8
        #expect(search.received(strange) == .nothing)
    }
}
