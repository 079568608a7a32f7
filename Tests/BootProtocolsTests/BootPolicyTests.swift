// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Testing

@Suite("Which boot file for which client")
struct BootPolicyTests {
    static let policy = BootPolicy(server: "10.77.0.1", httpPort: 8080, isOnlyServer: true)
    static let disk = SANDisk(
        initiatorName: "iqn.2026-11.org.apus:node1", targetName: "iqn.2026-11.org.apus:disk1",
        portalAddress: "10.77.0.1", portalPort: 3260, lun: 0)
    static let script = "http://10.77.0.1:8080/52-54-00-aa-00-01/boot.ipxe"

    @Test(
        arguments: [
            (Captures.ovmfPXEDiscover, .pxe, .uefiX64, "snponly.efi"),
            (Captures.ovmfProxyRequest, .pxe, .uefiX64, "snponly.efi"),
            (Captures.ovmfHTTPDiscover, .httpBoot, .uefiX64HTTP, "http://10.77.0.1:8080/snponly.efi"),
            (Captures.ipxeBIOSDiscover, .ipxe, .bios, script),
            (Captures.udhcpcDiscover, .other, nil, nil),
        ] as [([UInt8], BootClient.Program, ClientArchitecture?, String?)])
    func `captured clients are recognised`(
        _ bytes: [UInt8], _ program: BootClient.Program, _ architecture: ClientArchitecture?, _ file: String?
    ) throws {
        let client = try #require(BootClient(try DHCPMessage.parsed(bytes)))
        #expect(client.program == program)
        #expect(client.architecture == architecture)
        #expect(Self.policy.answer(client, plan: nil).bootFile == file)
    }

    @Test(arguments: [(0, "undionly.kpxe"), (7, "snponly.efi"), (9, "snponly.efi"), (6, nil), (11, nil), (99, nil)])
    func `PXE firmware gets the program of its architecture, or a reason`(_ code: UInt16, _ file: String?) throws {
        let message = DHCPMessage.from(
            machine, .discover,
            options: [.vendorClass("PXEClient:Arch:x"), .clientArchitectures([ClientArchitecture(rawValue: code)])])
        let answer = Self.policy.answer(
            try #require(BootClient(message)), plan: BootPlan(way: .ipxe, disk: Self.disk))
        #expect(answer.bootFile == file)
        #expect((answer.refusal == nil) == (file != nil))
        if file != nil { #expect(answer.nextServer == "10.77.0.1") }
    }

    @Test func `the architecture is also read from the vendor class`() throws {
        let message = DHCPMessage.from(machine, .discover, options: [.vendorClass("PXEClient:Arch:00007:UNDI:003016")])
        #expect(BootClient(message)?.architecture == .uefiX64)
    }

    @Test(arguments: [Array("iPXE".utf8), [4] + Array("iPXE".utf8)]) func `the user class iPXE is enough`(
        _ userClass: [UInt8]
    ) throws {
        let message = DHCPMessage.from(
            machine, .discover, options: [.vendorClass("PXEClient:Arch:00000"), .userClass(userClass)])
        #expect(BootClient(message)?.program == .ipxe)
    }

    @Test func `iPXE is told its initiator name, and not to wait for a proxy where there is none`() throws {
        let client = try #require(BootClient(try DHCPMessage.parsed(Captures.ipxeBIOSDiscover)))
        let answer = Self.policy.answer(client, plan: BootPlan(way: .ipxe, disk: Self.disk))
        #expect(answer.options == [.initiatorName("iqn.2026-11.org.apus:node1"), .ipxe([176, 1, 1])])
        var beside = Self.policy
        beside.isOnlyServer = false
        let answerBeside = beside.answer(client, plan: BootPlan(way: .ipxe, disk: Self.disk))
        #expect(!answerBeside.options.contains(.ipxe([176, 1, 1])))
    }

    @Test(
        arguments: [
            (Captures.ovmfPXEDiscover, .shim, "shimx64.efi"), (Captures.ovmfPXEDiscover, .unifiedKernel, "snponly.efi"),
            (Captures.ovmfPXEDiscover, .firmware, nil), (Captures.ovmfHTTPDiscover, .firmware, nil),
            (Captures.ovmfHTTPDiscover, .ipxe, "http://10.77.0.1:8080/snponly.efi"),
            (Captures.ovmfHTTPDiscover, .shim, nil), (Captures.ipxeBIOSDiscover, .shim, script),
            (Captures.ipxeBIOSDiscover, .unifiedKernel, script), (Captures.ipxeBIOSDiscover, .firmware, nil),
        ] as [([UInt8], BootWay, String?)])
    func `a configured machine gets the boot file of its way`(
        _ bytes: [UInt8], _ way: BootWay, _ file: String?
    ) throws {
        let client = try #require(BootClient(try DHCPMessage.parsed(bytes)))
        let answer = Self.policy.answer(client, plan: BootPlan(way: way, disk: Self.disk))
        #expect(answer.bootFile == file)
        // iPXE takes the disk instead of a file; other firmware that asks for a file is told why it gets none.
        #expect((answer.refusal != nil) == (file == nil && client.program != .ipxe))
    }

    @Test func `HTTP Boot gets a unified kernel image of its own`() throws {
        let client = try #require(BootClient(try DHCPMessage.parsed(Captures.ovmfHTTPDiscover)))
        let answer = Self.policy.answer(client, plan: BootPlan(way: .unifiedKernel, disk: Self.disk))
        let path = BootPath.unifiedKernel(client.mac)
        #expect(answer.bootFile == "http://10.77.0.1:8080/\(path.text)")
        #expect(answer.options == [.vendorClass("HTTPClient")])
    }

    @Test func `iPXE as the firmware's initiator is told what to prove itself with`() throws {
        let client = try #require(BootClient(try DHCPMessage.parsed(Captures.ipxeBIOSDiscover)))
        var disk = Self.disk
        disk.credentials = SANDisk.Credentials(name: "n", secret: "0123456789ab")
        let answer = Self.policy.answer(client, plan: BootPlan(way: .firmware, disk: disk))
        let settings = answer.options.compactMap { if case .ipxe(let bytes) = $0 { bytes } else { nil } }
        #expect(settings.first?.starts(with: [190, 1, UInt8(ascii: "n"), 191, 12]) == true)
    }

    @Test func `iPXE as the firmware's initiator is told its disk, and no boot file`() throws {
        let client = try #require(BootClient(try DHCPMessage.parsed(Captures.ipxeBIOSDiscover)))
        let answer = Self.policy.answer(client, plan: BootPlan(way: .firmware, disk: Self.disk))
        #expect(
            answer.options == [
                .rootPath("iscsi:10.77.0.1::3260:0:iqn.2026-11.org.apus:disk1"),
                .initiatorName("iqn.2026-11.org.apus:node1"), .ipxe([176, 1, 1]),
            ])
        #expect(answer.nextServer == nil)
    }

    @Test func `HTTP Boot gets its vendor class back and the URL in option 67`() throws {
        var server = try DHCPServerTests.server()
        let message = try DHCPMessage.parsed(Captures.ovmfHTTPDiscover)
        let answer = Self.policy.answer(try #require(BootClient(message)), plan: nil)
        let offer = try #require(server.received(message, boot: answer, now: 0).reply).message
        #expect(offer.option(60) == .vendorClass("HTTPClient"))
        #expect(offer.option(67) == .bootFileName("http://10.77.0.1:8080/snponly.efi"))
    }

    @Test func `PXE firmware of a DHCP server is not told of a proxy`() throws {
        var server = try DHCPServerTests.server()
        let message = try DHCPMessage.parsed(Captures.ovmfPXEDiscover)
        let answer = Self.policy.answer(try #require(BootClient(message)), plan: nil)
        let offer = try #require(server.received(message, boot: answer, now: 0).reply).message
        #expect(offer.bootFile == "snponly.efi")
        #expect(offer.nextServer == "10.77.0.1")
        #expect(offer.option(60) == nil && offer.option(43) == nil)
        #expect(offer.option(97) != nil)
    }

    @Test func `an operating system gets root path and initiator name only if it asks`() throws {
        let plain = try DHCPMessage.parsed(Captures.udhcpcDiscover)
        var asking = plain
        asking.options.removeAll { $0.code == DHCPOptionCode.parameterRequestList }
        asking.options.append(.parameterRequestList([1, 17, 203]))
        var server = try DHCPServerTests.server()
        let answer = Self.policy.answer(
            try #require(BootClient(plain)), plan: BootPlan(way: .ipxe, disk: Self.disk))
        #expect(server.received(plain, boot: answer, now: 0).reply?.message.option(17) == nil)
        let offer = server.received(asking, boot: answer, now: 0).reply?.message
        #expect(offer?.option(17) == .rootPath("iscsi:10.77.0.1::3260:0:iqn.2026-11.org.apus:disk1"))
        #expect(offer?.option(203) == .initiatorName("iqn.2026-11.org.apus:node1"))
        #expect(offer?.bootFile == "")
    }

    @Test func `a boot file too long for its field goes into option 67`() throws {
        var server = try DHCPServerTests.server()
        let url = "http://10.77.0.1/" + String(repeating: "x", count: 200)
        let answer = BootAnswer(bootFile: url, nextServer: "10.77.0.1")
        let offer = try #require(server.received(.from(machine, .discover), boot: answer, now: 0).reply)
        let (bytes, omitted) = offer.message.encode(maximumBytes: offer.bytesMax)
        #expect(omitted.isEmpty)
        #expect(try DHCPMessage.parsed(bytes.array).option(67) == .bootFileName(url))
    }
}

@Suite("PXE 2.1 proxyDHCP")
struct ProxyDHCPTests {
    static let proxy = ProxyDHCP(server: "10.77.0.1")
    static let policy = BootPolicy(server: "10.77.0.1", httpPort: 8080, isOnlyServer: false)

    static func outcome(_ message: DHCPMessage, on port: ProxyDHCP.Port) throws -> DHCPOutcome {
        let client = try #require(BootClient(message))
        return self.proxy.received(
            message, on: port, client: client, boot: self.policy.answer(client, plan: nil))
    }

    @Test func `UEFI is offered the boot file without an address and without option 43`() throws {
        let outcome = try Self.outcome(.parsed(Captures.ovmfPXEDiscover), on: .dhcp)
        let offer = try #require(outcome.reply).message
        #expect(offer.type == .offer)
        #expect(offer.yourAddress == .any)
        #expect(offer.bootFile == "snponly.efi")
        #expect(offer.nextServer == "10.77.0.1")
        #expect(offer.option(60) == .vendorClass("PXEClient"))
        #expect(offer.option(43) == nil)
        #expect(offer.option(51) == nil && offer.option(1) == nil)
        #expect(offer.option(97) != nil)
    }

    @Test func `UEFI's request on port 4011 is answered to where it came from`() throws {
        let request = try DHCPMessage.parsed(Captures.ovmfProxyRequest)
        let reply = try #require(try Self.outcome(request, on: .pxe).reply)
        #expect(reply.destination == .sender)
        #expect(reply.message.type == .ack)
        #expect(reply.message.bootFile == "snponly.efi")
        #expect(reply.message.clientAddress == request.clientAddress)
    }

    @Test func `BIOS is told to take the boot file and not to look for servers`() throws {
        let message = DHCPMessage.from(
            machine, .discover,
            options: [.vendorClass("PXEClient:Arch:00000:UNDI:002001"), .clientArchitectures([.bios])])
        let offer = try #require(try Self.outcome(message, on: .dhcp).reply).message
        #expect(offer.option(43) == .vendorSpecific([6, 1, 8, 255]))
        #expect(offer.bootFile == "undionly.kpxe")
    }

    @Test func `the DHCP server's part of the exchange is left to it`() throws {
        let client: [DHCPOption] = [.vendorClass("PXEClient:Arch:00000")]
        let request = DHCPMessage.from(
            machine, .request, options: client + [.serverIdentifier("10.77.0.2"), .requestedAddress("10.77.0.9")])
        #expect(try Self.outcome(request, on: .dhcp).reply == nil)
        #expect(try Self.outcome(.from(machine, .release, options: client), on: .dhcp).reply == nil)
        #expect(try Self.outcome(.from(machine, .discover, options: client), on: .pxe).reply == nil)
        let ours = DHCPMessage.from(machine, .request, options: client + [.serverIdentifier("10.77.0.1")])
        #expect(try Self.outcome(ours, on: .dhcp).reply?.message.type == .ack)
    }

    @Test func `clients that do not boot hear nothing`() throws {
        #expect(try Self.outcome(.parsed(Captures.udhcpcDiscover), on: .dhcp).reply == nil)
    }

    @Test func `HTTP Boot is offered its URL under its own vendor class`() throws {
        let offer = try #require(try Self.outcome(.parsed(Captures.ovmfHTTPDiscover), on: .dhcp).reply).message
        #expect(offer.options.filter { $0.code == 60 } == [.vendorClass("HTTPClient")])
        #expect(offer.option(67) == .bootFileName("http://10.77.0.1:8080/snponly.efi"))
    }

    @Test func `an architecture without a program is refused with a reason`() throws {
        let message = DHCPMessage.from(
            machine, .discover, options: [.vendorClass("PXEClient"), .clientArchitectures([.uefiARM64])])
        let outcome = try Self.outcome(message, on: .dhcp)
        #expect(outcome.reply == nil)
        guard case .refused(let reason) = outcome.remark else {
            Issue.record("\(outcome.remark)")
            return
        }
        #expect(reason.contains("architecture 11"))
    }
}
