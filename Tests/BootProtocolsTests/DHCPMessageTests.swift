// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import NIOCore
import Testing

@Suite("RFC 2131 §2 messages")
struct DHCPMessageTests {
    /// A DISCOVER written by hand from RFC 2131 figure 1 and RFC 2132.
    static let discover: [UInt8] =
        [1, 1, 6, 0, 0x39, 0x03, 0xf3, 0x26, 0, 5, 0x80, 0]
        + [UInt8](repeating: 0, count: 16)
        + [0x52, 0x54, 0, 0x12, 0x34, 0x56] + [UInt8](repeating: 0, count: 10)
        + [UInt8](repeating: 0, count: 192)
        + [0x63, 0x82, 0x53, 0x63]
        + [53, 1, 1, 50, 4, 10, 77, 0, 50, 0, 0, 55, 3, 1, 3, 17, 57, 2, 0x05, 0xc0, 255]

    @Test func `a DISCOVER is read field by field`() throws {
        let message = try DHCPMessage.parsed(Self.discover)
        #expect(message.operation == .request)
        #expect(message.type == .discover)
        #expect(message.transaction == 0x3903_f326)
        #expect(message.seconds == 5)
        #expect(message.wantsBroadcast)
        #expect(message.mac == machine)
        #expect(message.requestedAddress == "10.77.0.50")
        #expect(message.parameterRequestList == [1, 3, 17])
        #expect(message.replyBytesMax == 0x5c0 - 28)
    }

    @Test func `a message is encoded to the bytes of its drawing`() throws {
        var message = try DHCPMessage.parsed(Self.discover)
        message.options = [.messageType(.discover)]
        let bytes = message.encode().bytes.array
        #expect(bytes.count == 300)
        #expect(bytes.prefix(240) == Self.discover.prefix(240))
        #expect(bytes[240..<245] == [53, 1, 1, 255, 0])
    }

    @Test(arguments: [0, 1, 43, 239]) func `a message shorter than its fixed fields is refused`(_ count: Int) {
        #expect(throws: DHCPParseError.truncated(bytes: count)) {
            try DHCPMessage.parsed(Array(Self.discover.prefix(count)))
        }
    }

    @Test func `wrong cookie and wrong operation are refused`() {
        var bytes = Self.discover
        bytes[236] = 0
        #expect(throws: DHCPParseError.noMagicCookie) { try DHCPMessage.parsed(bytes) }
        bytes[0] = 3
        #expect(throws: DHCPParseError.unknownOperation(3)) { try DHCPMessage.parsed(bytes) }
    }

    @Test func `every cut of the options leaves those before it standing`() throws {
        let whole = try DHCPMessage.parsed(Self.discover)
        for count in 240...Self.discover.count {
            let cut = try DHCPMessage.parsed(Array(Self.discover.prefix(count)))
            #expect(cut.options == Array(whole.options.prefix(cut.options.count)))
        }
    }

    static let values: [DHCPOption] = [
        .subnetMask("255.255.255.0"), .routers(["10.0.0.1", "10.0.0.2"]), .nameServers(["9.9.9.9"]),
        .hostName("node1"), .domainName("example.org"), .rootPath("iscsi:10.77.0.1::3260:a:iqn.2026-11.org.apus:x"),
        .vendorSpecific([6, 1, 8, 255]), .requestedAddress("10.0.0.9"), .leaseSeconds(86_400),
        .serverIdentifier("10.0.0.1"), .parameterRequestList([1, 3, 67]), .message("no"), .maximumMessageSize(1472),
        .renewalSeconds(43_200), .rebindingSeconds(75_600), .vendorClass("PXEClient:Arch:00007:UNDI:003016"),
        .clientIdentifier([1, 0x52, 0x54, 0, 1, 2, 3]), .tftpServerName("10.0.0.1"), .bootFileName("snponly.efi"),
        .userClass(Array("iPXE".utf8)), .relayAgentInformation([1, 2, 0, 7]),
        .clientArchitectures([.bios, .uefiX64]), .clientNetworkInterface(type: 1, major: 3, minor: 16),
        .clientMachineIdentifier([0] + [UInt8](repeating: 7, count: 16)), .ipxe([176, 1, 1]),
        .initiatorName("iqn.2026-11.org.apus:node1"), .other(code: 224, [1, 2, 3]),
    ]

    @Test(arguments: values) func `an option survives encoding and parsing`(_ option: DHCPOption) throws {
        let message = DHCPMessage.from(machine, .offer, options: [option])
        let again = try DHCPMessage.parsed(message.encode().bytes.array)
        #expect(again.options == [.messageType(.offer), option])
    }

    @Test(
        arguments: [
            (1, 3), (3, 5), (50, 0), (51, 2), (53, 2), (54, 8), (57, 1), (93, 3), (94, 2), (53, 1),
        ] as [(UInt8, Int)])
    func `an option whose length or value is wrong is kept as bytes`(_ code: UInt8, _ count: Int) throws {
        let value = [UInt8](repeating: 200, count: count)
        let bytes = Array(Self.discover.prefix(240)) + [code, UInt8(count)] + value + [255]
        let message = try DHCPMessage.parsed(bytes)
        #expect(message.options == [.other(code: code, value)])
    }

    @Test func `text ends at a NUL`() throws {
        let bytes = Array(Self.discover.prefix(240)) + [12, 4, 97, 98, 0, 99, 255]
        #expect(try DHCPMessage.parsed(bytes).options == [.hostName("ab")])
    }

    @Test func `random bytes never stop the parser`() {
        let seed: UInt64 = 20_261_122
        var random = Seeded(seed)
        for _ in 0..<5_000 {
            var bytes = Array(Self.discover.prefix(240)) + random.bytes(Int(random.next() % 400))
            if random.next() % 4 == 0 { bytes[Int(random.next() % 240)] = UInt8(truncatingIfNeeded: random.next()) }
            if random.next() % 8 == 0 { bytes.removeLast(Int(random.next() % UInt64(bytes.count))) }
            guard let message = try? DHCPMessage.parsed(bytes) else { continue }
            // What was read can be written: nothing that a peer sends makes our encoder stop either.
            var copy = message
            copy.bootFile = ""
            copy.serverName = ""
            let (encoded, _) = copy.encode(maximumBytes: 548)
            #expect(encoded.readableBytes <= 548, "seed \(seed)")
        }
    }
}

@Suite("RFC 3396 long options, RFC 2132 §9.3 overload")
struct DHCPLongOptionTests {
    @Test func `the parts of an option are put together in order`() throws {
        let bytes =
            Array(DHCPMessageTests.discover.prefix(240)) + [17, 2, 97, 98, 53, 1, 1, 17, 1, 99, 255]
        #expect(try DHCPMessage.parsed(bytes).options == [.rootPath("abc"), .messageType(.discover)])
    }

    @Test func `overloaded fields are read after the options field, file before sname`() throws {
        var bytes = Array(DHCPMessageTests.discover.prefix(240)) + [52, 1, 3, 17, 1, 97, 255]
        bytes.replaceSubrange(108..<112, with: [17, 1, 98, 255])
        bytes.replaceSubrange(44..<48, with: [17, 1, 99, 255])
        let message = try DHCPMessage.parsed(bytes)
        #expect(message.options == [.rootPath("abc")])
        #expect(message.bootFile.isEmpty && message.serverName.isEmpty)
    }

    @Test(arguments: [0, 1, 254, 255, 256, 300, 510, 511, 700, 1100])
    func `a long value survives, split and spread over the fields`(_ count: Int) throws {
        let path = String(repeating: "x", count: count)
        let message = DHCPMessage.from(machine, .ack, options: [.rootPath(path), .leaseSeconds(60)])
        let (bytes, omitted) = message.encode(maximumBytes: 1472)
        #expect(omitted.isEmpty)
        #expect(bytes.readableBytes <= 1472)
        #expect(try DHCPMessage.parsed(bytes.array).options == message.options)
    }

    @Test func `a small message overloads file and sname before it leaves anything out`() throws {
        let options: [DHCPOption] = [
            .rootPath(String(repeating: "r", count: 250)), .initiatorName(String(repeating: "i", count: 110)),
            .hostName(String(repeating: "h", count: 50)), .leaseSeconds(60),
        ]
        let message = DHCPMessage.from(machine, .ack, options: options)
        let (bytes, omitted) = message.encode(maximumBytes: 548)
        #expect(omitted.isEmpty)
        #expect(bytes.readableBytes <= 548)
        #expect(Set(try DHCPMessage.parsed(bytes.array).options) == Set(message.options))
    }

    @Test func `what fits nowhere is left out and named, a boot file stays`() throws {
        var message = DHCPMessage.from(
            machine, .ack,
            options: [
                .rootPath(String(repeating: "r", count: 250)), .initiatorName(String(repeating: "i", count: 200)),
            ])
        message.bootFile = "snponly.efi"
        message.serverName = "server"
        let (bytes, omitted) = message.encode(maximumBytes: 548)
        #expect(omitted == [DHCPOptionCode.initiatorName])
        let again = try DHCPMessage.parsed(bytes.array)
        #expect(again.bootFile == "snponly.efi" && again.serverName == "server")
    }
}
