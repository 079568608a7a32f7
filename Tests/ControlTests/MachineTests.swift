// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import BootStory
import ControlAPI
import ISCSI
import Model
import NIOCore
import Testing

@testable import Control

@Suite("Machines by what they are known by")
struct MachineTests {
    private static let uuid = "4c4c4544-0042-3510-8052-b4c04f4d3232"
    private let mac = MACAddress([0x52, 0x54, 0, 0, 0, 9])

    private func byUUID() -> Configuration {
        var client = disk("pc1", 1)
        client.mac = nil
        client.uuid = Self.uuid
        client.address = "10.77.0.60"
        let dhcp = ServiceSettings.DHCP.range(AddressRange(first: "10.77.0.50", last: "10.77.0.99"))
        return Configuration(
            boot: Boot(services: ServiceSettings(address: "10.77.0.1", interface: "br0", dhcp: dhcp), clients: [client])
        )
    }

    @Test func `a machine known by its UUID is found once it has told it, with its address`() async throws {
        let stage = try Stage(self.byUUID())
        try await stage.daemon.start()
        let directory = try #require(await stage.boot.directory)
        #expect(directory.assignment(for: self.mac) == nil)
        directory.learned(MachineFacts(uuid: Self.uuid), of: self.mac)
        #expect(directory.assignment(for: self.mac)?.client == "pc1")
        #expect(directory.reservations.address(of: self.mac)?.description == "10.77.0.60")
        await stage.daemon.stop()
    }

    @Test func `a machine that has asked before its entry was written is found then, and has its story`() async throws {
        let stage = try Stage(Configuration(boot: Boot(services: self.byUUID().boot.services)))
        try await stage.daemon.start()
        try #require(await stage.boot.directory).learned(MachineFacts(uuid: Self.uuid), of: self.mac)
        _ = try await stage.daemon.change(.addClient(self.byUUID().boot.clients[0]))
        #expect(await stage.boot.directory?.assignment(for: self.mac)?.client == "pc1")
        await stage.daemon.received(
            Event(at: .now(), kind: .boot(.dhcpDiscover(self.mac, architecture: .uefiX64, isIPXE: false))))
        #expect(try await stage.daemon.timeline(of: "pc1").story.mac == self.mac.description)
        #expect(try await stage.daemon.timeline(of: "pc1").story.boots.count == 1)
        await stage.daemon.stop()
    }

    @Test func `a machine that was not seen yet has an empty story`() async throws {
        let stage = try Stage(self.byUUID())
        try await stage.daemon.start()
        #expect(try await stage.daemon.timeline(of: "pc1").story.boots.isEmpty)
        #expect(await stage.daemon.status().machines.map(\.mac) == ["UUID \(Self.uuid)"])
        await stage.daemon.stop()
    }

    // MARK: - Enrolment

    private func wish(_ name: String, image: String) -> EnrolmentRequest {
        EnrolmentRequest(mac: self.mac, facts: MachineFacts(uuid: Self.uuid), name: name, image: image)
    }

    @Test func `nobody makes itself known unless the configuration allows it`() async throws {
        let stage = try Stage(Configuration(boot: Boot(services: services)))
        try await stage.daemon.start()
        let directory = try #require(await stage.boot.directory)
        #expect(await directory.enrolmentImages() == nil)
        guard case .refused(let reason) = await directory.enrol(self.wish("pc9", image: "lab")) else {
            Issue.record("enrolled")
            return
        }
        #expect(reason.contains("--enrol"))
        await stage.daemon.stop()
    }

    @Test func `where it does, a bad name or image is refused with its cause, and nothing is written`() async throws {
        var settings = services
        settings.enrolment = true
        let stage = try Stage(Configuration(boot: Boot(services: settings)))
        try await stage.daemon.start()
        let directory = try #require(await stage.boot.directory)
        #expect(await directory.enrolmentImages() == [])
        guard case .refused(let reason) = await directory.enrol(self.wish("PC 9", image: "lab")) else {
            Issue.record("enrolled")
            return
        }
        #expect(reason.contains("cannot be a machine's name"))
        #expect(try stage.onDisk().boot.clients.isEmpty)
        await stage.daemon.stop()
    }

    @Test func `a machine that is known already is told its name`() async throws {
        var settings = services
        settings.enrolment = true
        let stage = try Stage(Configuration(boot: Boot(services: settings, clients: [disk("pc9", 9)])))
        try await stage.daemon.start()
        let outcome = await stage.boot.directory?.enrol(self.wish("other", image: "lab"))
        #expect(outcome == .enrolled(client: "pc9"))
        await stage.daemon.stop()
    }
}

@Suite("Credentials of one boot")
struct BootCredentialsTests {
    private let now = Instant(milliseconds: 1_000_000)
    private var later: Instant { Instant(milliseconds: 1_000_000 + 11_000) }

    @Test func `they are good for the machine's address, until its next boot`() throws {
        let credentials = BootCredentials()
        let first = credentials.make(for: "pc1", at: "10.77.0.52", now: self.now)
        #expect(credentials.make(for: "pc1", at: "10.77.0.52", now: self.now) == first)
        guard case .required(let terms) = credentials.authentication(of: "pc1", at: "10.77.0.52") else {
            Issue.record("no terms")
            return
        }
        #expect(terms.initiator == CHAPCredentials(name: first.name, secret: CHAPSecret(first.secret)))
        #expect(first.secret.utf8.count == 16 && first.name.hasPrefix("pc1-"))
        #expect(credentials.authentication(of: "pc1", at: "::ffff:10.77.0.52") == .required(terms))
        let second = credentials.make(for: "pc1", at: "10.77.0.52", now: self.later)
        #expect(second.secret != first.secret)
        #expect(credentials.authentication(of: "pc1", at: "10.77.0.52") != .required(terms))
    }

    @Test(arguments: ["10.77.0.53", nil] as [String?])
    func `another address has none`(_ address: String?) {
        let credentials = BootCredentials()
        _ = credentials.make(for: "pc1", at: "10.77.0.52", now: self.now)
        guard case .impossible(let reason) = credentials.authentication(of: "pc1", at: address) else {
            Issue.record("let in")
            return
        }
        #expect(reason.contains("10.77.0.52 alone"))
        guard case .impossible = credentials.authentication(of: "pc2", at: "10.77.0.52") else {
            Issue.record("let in")
            return
        }
    }

    @Test func `they outlive the daemon, for its owner alone, and go with their machine`() async throws {
        var client = disk("pc1", 1)
        client.chap = .perBoot
        let stage = try Stage(Configuration(boot: Boot(services: services, clients: [client])))
        try await stage.daemon.start()
        let made = try #require(await stage.boot.directory).makeCredentials(for: "pc1", at: "10.77.0.52")
        await stage.daemon.keepCredentials()
        let path = stage.folder.path + "/boot-credentials.json"
        #expect(String(buffer: try SystemFiles.read(path)).contains(made.secret))
        await stage.daemon.restoreCredentials()
        guard case .required = await stage.daemon.seams.credentials.authentication(of: "pc1", at: "10.77.0.52") else {
            Issue.record("forgotten")
            return
        }
        _ = try await stage.daemon.change(.patchClient(name: "pc1", patch: .object(["chap": .null])))
        await stage.daemon.keepCredentials()
        #expect(!String(buffer: try SystemFiles.read(path)).contains(made.secret))
        await stage.daemon.stop()
    }
}
