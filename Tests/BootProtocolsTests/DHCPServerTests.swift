// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Testing

@Suite("RFC 2131 §4.3 server")
struct DHCPServerTests {
    static let configuration = DHCPServer.Configuration(
        server: "10.77.0.1", first: "10.77.0.50", last: "10.77.0.53", prefixLength: 24, router: nil, leaseSeconds: 600)

    static func server(_ change: (inout DHCPServer.Configuration) -> Void = { _ in }) throws -> DHCPServer {
        var configuration = self.configuration
        change(&configuration)
        return try DHCPServer(configuration)
    }

    static func address(_ outcome: DHCPOutcome) -> IPv4Address? {
        outcome.reply?.message.yourAddress
    }

    /// Discovers and requests: the address that the machine then has.
    static func lease(_ server: inout DHCPServer, _ mac: MACAddress, now: UInt64) -> IPv4Address? {
        guard let offer = server.received(.from(mac, .discover), boot: .nothing, now: now).reply else { return nil }
        let request = DHCPMessage.from(
            mac, .request,
            options: [.serverIdentifier("10.77.0.1"), .requestedAddress(offer.message.yourAddress)])
        let ack = server.received(request, boot: .nothing, now: now).reply
        return ack?.message.type == .ack ? ack?.message.yourAddress : nil
    }

    @Test func `DISCOVER is offered an address with mask, lease and times`() throws {
        var server = try Self.server { $0.router = "10.77.0.254" }
        let outcome = server.received(.from(machine, .discover), boot: .nothing, now: 0)
        let offer = try #require(outcome.reply)
        #expect(offer.message.operation == .reply)
        #expect(offer.message.type == .offer)
        #expect(offer.message.transaction == 0x1234_5678)
        #expect(("10.77.0.50"..."10.77.0.53").contains(offer.message.yourAddress))
        #expect(offer.message.serverIdentifier == "10.77.0.1")
        #expect(offer.message.option(1) == .subnetMask("255.255.255.0"))
        #expect(offer.message.option(3) == .routers(["10.77.0.254"]))
        #expect(offer.message.option(51) == .leaseSeconds(600))
        #expect(offer.message.option(58) == .renewalSeconds(300))
        #expect(offer.message.option(59) == .rebindingSeconds(525))
        #expect(outcome.remark == .offered(offer.message.yourAddress, bootFile: nil))
    }

    @Test func `the same machine gets the same address from a server that forgot everything`() throws {
        var first = try Self.server { $0.last = "10.77.0.250" }
        var second = try Self.server { $0.last = "10.77.0.250" }
        #expect(Self.lease(&first, machine, now: 5) == Self.lease(&second, machine, now: 99))
    }

    @Test func `firmware, iPXE and system of one machine share an address whatever identifier they send`() throws {
        var server = try Self.server()
        let firmware = Self.lease(&server, machine, now: 0)
        let system = DHCPMessage.from(machine, .discover, options: [.clientIdentifier([255, 1, 2, 3, 4])])
        let outcome = server.received(system, boot: .nothing, now: 30)
        #expect(Self.address(outcome) == firmware)
        #expect(outcome.reply?.message.option(61) == .clientIdentifier([255, 1, 2, 3, 4]), "RFC 6842")
    }

    @Test func `a wished address is given when it is free and not when it is another's`() throws {
        var server = try Self.server()
        let wish = DHCPMessage.from(mac(1), .discover, options: [.requestedAddress("10.77.0.53")])
        #expect(Self.address(server.received(wish, boot: .nothing, now: 0)) == "10.77.0.53")
        let other = DHCPMessage.from(mac(2), .discover, options: [.requestedAddress("10.77.0.53")])
        #expect(Self.address(server.received(other, boot: .nothing, now: 0)) != "10.77.0.53")
    }

    @Test func `REQUEST for another server's offer withdraws ours and says whose it was`() throws {
        var server = try Self.server { $0.last = "10.77.0.50" }
        _ = server.received(.from(mac(1), .discover), boot: .nothing, now: 0)
        let request = DHCPMessage.from(
            mac(1), .request, options: [.serverIdentifier("10.77.0.9"), .requestedAddress("10.77.0.120")])
        let outcome = server.received(request, boot: .nothing, now: 1)
        #expect(outcome.reply == nil)
        #expect(outcome.remark == .refused("took the offer of another DHCP server, 10.77.0.9"))
        #expect(Self.lease(&server, mac(2), now: 1) == "10.77.0.50")
    }

    @Test func `renewal goes to the client's own address and prolongs the lease`() throws {
        var server = try Self.server()
        let address = try #require(Self.lease(&server, machine, now: 0))
        let renew = DHCPMessage.from(machine, .request, clientAddress: address)
        let reply = try #require(server.received(renew, boot: .nothing, now: 500).reply)
        #expect(reply.message.type == .ack)
        #expect(reply.message.clientAddress == address)
        #expect(reply.destination == .client(address))
        #expect(server.leases.lease(of: machine)?.expires == 1100)
    }

    @Test(arguments: ["10.77.0.200", "192.168.1.5", "10.77.0.1"] as [IPv4Address])
    func `an address that may not be had is refused, by broadcast`(_ address: IPv4Address) throws {
        var server = try Self.server()
        let request = DHCPMessage.from(machine, .request, options: [.requestedAddress(address)])
        let reply = try #require(server.received(request, boot: .nothing, now: 0).reply)
        #expect(reply.message.type == .nak)
        #expect(reply.message.yourAddress == .any)
        #expect(reply.destination == .broadcast)
        #expect(reply.message.option(51) == nil)
    }

    @Test func `another machine's address is refused until its lease has ended`() throws {
        var server = try Self.server()
        let address = try #require(Self.lease(&server, mac(1), now: 0))
        let request = DHCPMessage.from(mac(2), .request, options: [.requestedAddress(address)])
        #expect(server.received(request, boot: .nothing, now: 599).reply?.message.type == .nak)
        #expect(server.received(request, boot: .nothing, now: 600).reply?.message.type == .ack)
    }

    @Test func `a full range refuses, an ended lease makes room, the oldest first`() throws {
        var server = try Self.server()
        var addresses: [IPv4Address] = []
        for number in 0..<4 {
            addresses.append(try #require(Self.lease(&server, mac(number), now: UInt64(number))))
        }
        #expect(Set(addresses).count == 4)
        let outcome = server.received(.from(mac(9), .discover), boot: .nothing, now: 10)
        #expect(outcome.remark == .refused("no free address between 10.77.0.50 and 10.77.0.53"))
        #expect(outcome.reply == nil)
        #expect(Self.lease(&server, mac(9), now: 700) == addresses[0])
    }

    @Test func `an offer that is not taken is free again after its time`() throws {
        var server = try Self.server { $0.last = "10.77.0.50" }
        _ = server.received(.from(mac(1), .discover), boot: .nothing, now: 0)
        #expect(Self.lease(&server, mac(2), now: 119) == nil)
        #expect(Self.lease(&server, mac(2), now: 120) == "10.77.0.50")
    }

    @Test func `DECLINE takes the address out of use and offers another`() throws {
        var server = try Self.server()
        let address = try #require(Self.lease(&server, machine, now: 0))
        let decline = DHCPMessage.from(
            machine, .decline, options: [.serverIdentifier("10.77.0.1"), .requestedAddress(address)])
        #expect(server.received(decline, boot: .nothing, now: 1).reply == nil)
        let next = Self.lease(&server, machine, now: 2)
        #expect(next != nil && next != address)
        var late = try Self.server { $0.last = "10.77.0.50" }
        _ = Self.lease(&late, machine, now: 0)
        let only = DHCPMessage.from(
            machine, .decline, options: [.serverIdentifier("10.77.0.1"), .requestedAddress("10.77.0.50")])
        _ = late.received(only, boot: .nothing, now: 1)
        #expect(Self.lease(&late, machine, now: 600) == nil)
        #expect(Self.lease(&late, machine, now: 601) == "10.77.0.50")
    }

    @Test func `nobody declines or releases another machine's address`() throws {
        var server = try Self.server()
        let address = try #require(Self.lease(&server, mac(1), now: 0))
        let decline = DHCPMessage.from(
            mac(2), .decline, options: [.serverIdentifier("10.77.0.1"), .requestedAddress(address)])
        _ = server.received(decline, boot: .nothing, now: 1)
        _ = server.received(.from(mac(2), .release, clientAddress: address), boot: .nothing, now: 1)
        #expect(server.leases.lease(of: mac(1))?.expires == 600)
    }

    @Test func `RELEASE frees the address but remembers whose it was`() throws {
        var server = try Self.server()
        let address = try #require(Self.lease(&server, machine, now: 0))
        let outcome = server.received(.from(machine, .release, clientAddress: address), boot: .nothing, now: 5)
        #expect(outcome.reply == nil)
        #expect(outcome.remark == .released(address))
        #expect(Self.lease(&server, machine, now: 6) == address)
    }

    @Test func `INFORM is answered without address and lease`() throws {
        var server = try Self.server()
        let inform = DHCPMessage.from(machine, .inform, clientAddress: "10.77.0.7")
        let reply = try #require(server.received(inform, boot: .nothing, now: 0).reply)
        #expect(reply.message.type == .ack)
        #expect(reply.message.yourAddress == .any)
        #expect(reply.message.option(51) == nil)
        #expect(reply.destination == .client("10.77.0.7"))
    }

    @Test func `a relay agent gets the answer and its option back, as the last one`() throws {
        var server = try Self.server()
        let message = DHCPMessage.from(
            machine, .discover, options: [.relayAgentInformation([1, 2, 0, 7]), .clientIdentifier([1, 9])],
            relayAddress: "10.77.0.2")
        let reply = try #require(server.received(message, boot: .nothing, now: 0).reply)
        #expect(reply.destination == .relay("10.77.0.2"))
        #expect(reply.message.relayAddress == "10.77.0.2")
        #expect(reply.message.options.last == .relayAgentInformation([1, 2, 0, 7]))
    }

    @Test func `options of the configuration go to who asks for them, and never twice`() throws {
        var server = try Self.server {
            $0.options = [.other(code: 6, [10, 0, 0, 53]), .other(code: 42, [10, 0, 0, 9]), .other(code: 12, [0x61])]
        }
        let boot = BootAnswer(options: [.hostName("own")])
        let message = DHCPMessage.from(machine, .discover, options: [.parameterRequestList([1, 6, 12])])
        let options = try #require(server.received(message, boot: boot, now: 0).reply).message.options
        #expect(
            options.filter { [6, 12, 42].contains($0.code) } == [.hostName("own"), .other(code: 6, [10, 0, 0, 53])])
    }

    @Test func `leases survive a restart`() throws {
        var before = try Self.server()
        let address = try #require(Self.lease(&before, machine, now: 0))
        var after = try Self.server()
        after.restore(before.leases.all + [Lease(mac: mac(7), address: "9.9.9.9", expires: 9, isBound: true)])
        #expect(after.leases.owner(of: address) == machine)
        #expect(after.leases.owner(of: "9.9.9.9") == nil)
        #expect(Self.lease(&after, machine, now: 1) == address)
    }

    @Test func `servers' messages, BOOTP and strange hardware are ignored`() throws {
        var server = try Self.server()
        var strange = DHCPMessage.from(machine, .discover)
        strange.hardwareType = 32
        var bootp = DHCPMessage.from(machine, .discover)
        bootp.options = []
        var reply = DHCPMessage.from(machine, .discover)
        reply.operation = .reply
        for message in [strange, bootp, reply, .from(machine, .offer), .from(machine, .ack)] {
            let outcome = server.received(message, boot: .nothing, now: 0)
            #expect(outcome.reply == nil)
            if case .ignored = outcome.remark { continue }
            Issue.record("\(outcome.remark)")
        }
        #expect(server.leases.all.isEmpty)
    }

    @Test(
        arguments: [
            ("10.77.0.60", "10.77.0.50", 24, 600, .range),
            ("10.77.0.50", "10.78.0.50", 24, 600, .foreignAddress("10.78.0.50")),
            ("10.77.0.0", "10.77.0.50", 24, 600, .networkAddress("10.77.0.0")),
            ("10.77.0.50", "10.77.0.255", 24, 600, .networkAddress("10.77.0.255")),
            ("10.77.0.50", "10.77.0.60", 31, 600, .prefixLength(31)),
            ("10.77.0.50", "10.77.0.60", 24, 59, .leaseSeconds(59)),
            ("10.1.0.1", "10.200.0.1", 8, 600, .range),
        ] as [(IPv4Address, IPv4Address, Int, UInt32, DHCPServer.ConfigurationError)])
    func `a configuration that cannot work is refused`(
        _ first: IPv4Address, _ last: IPv4Address, _ prefix: Int, _ seconds: UInt32,
        _ error: DHCPServer.ConfigurationError
    ) {
        #expect(throws: error) {
            try Self.server {
                $0.first = first
                $0.last = last
                $0.prefixLength = prefix
                $0.leaseSeconds = seconds
            }
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64]) func `no address is ever two machines' at once`(_ seed: UInt64) throws
    {
        var random = Seeded(seed)
        var server = try Self.server { $0.last = "10.77.0.57" }
        var now: UInt64 = 0
        for _ in 0..<3_000 {
            now += random.next() % 60
            let client = mac(Int(random.next() % 12))
            let address = IPv4Address(IPv4Address("10.77.0.48").value + UInt32(random.next() % 12))
            let type = DHCPMessageType(rawValue: UInt8(random.next() % 8) + 1) ?? .discover
            let hasIdentifier = random.next() % 2 == 0
            let message = DHCPMessage.from(
                client, type,
                options: [.requestedAddress(address)] + (hasIdentifier ? [.serverIdentifier("10.77.0.1")] : []),
                clientAddress: random.next() % 3 == 0 ? address : .any)
            let outcome = server.received(message, boot: .nothing, now: now)
            let held = server.leases.all.filter { $0.expires > now }
            #expect(Set(held.map(\.address)).count == held.count, "seed \(seed)")
            #expect(server.leases.all.count <= 8, "seed \(seed)")
            if outcome.reply?.message.type == .ack, type == .request {
                #expect(server.leases.owner(of: outcome.reply?.message.yourAddress ?? .any) == client, "seed \(seed)")
            }
        }
    }
}
