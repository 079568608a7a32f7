// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootHistory
import BootProtocols
import BootServer
import BootStory
import ControlAPI
import Glibc
import Model
import Testing

@testable import Control

@Suite("Boots that outlive the daemon")
struct HistoryTests {
    private let mac = MACAddress([0x52, 0x54, 0, 0, 0, 1])
    private let one = Configuration(boot: Boot(services: services, clients: [disk("pc1", 1)]))

    private func boot(_ stage: Stage, after minutes: Int64) async {
        let start = Instant(milliseconds: 1_795_362_363_000 + minutes * 60_000)
        let events: [BootEvent] = [
            .dhcpDiscover(self.mac, architecture: .uefiX64, isIPXE: false),
            .dhcpOffer(self.mac, address: "10.77.0.52", bootFile: "snponly.efi"),
            .scriptServed(self.mac, client: "pc1", method: "sanboot"),
        ]
        for event in events { await stage.daemon.received(Event(at: start, kind: .boot(event))) }
    }

    @Test func `a machine's boots go on being counted, and can be shown one by one`() async throws {
        let first = try Stage(self.one)
        try await first.daemon.start()
        await self.boot(first, after: 0)
        await self.boot(first, after: 10)
        await first.daemon.stop()
        let second = try Stage(self.one, in: first.folder)
        try await second.daemon.start()
        await self.boot(second, after: 20)
        let boots = try await second.daemon.boots(of: "pc1")
        #expect(boots.map(\.number) == [1, 2, 3])
        #expect(boots[0].outcome.hasPrefix("stopped before firmware login"))
        let past = try await second.daemon.timeline(of: "pc1", boot: 2).story
        #expect(past.boots.map(\.number) == [2] && past.client == "pc1")
        let failure = await #expect(throws: StoryFailure.self) {
            try await second.daemon.timeline(of: "pc1", boot: 9)
        }
        #expect(failure?.description == "no boot 9 of pc1 is known; those from 1 to 3 are")
        await second.daemon.stop()
    }

    @Test func `boots of strangers are not kept`() async throws {
        let stage = try Stage(Configuration(boot: Boot(services: services)))
        try await stage.daemon.start()
        await self.boot(stage, after: 0)
        await stage.daemon.keepBoots()
        #expect(try await stage.daemon.history?.machines().isEmpty == true)
        await stage.daemon.stop()
    }

    @Test func `a damaged database is put aside and the daemon serves`() async throws {
        let stage = try Stage(self.one)
        try SystemFiles.write(
            String(repeating: "no database ", count: 999), to: stage.folder.path + "/boots.sqlite", mode: 0o644)
        try await stage.daemon.start()
        #expect(SystemFiles.exists(stage.folder.path + "/boots.sqlite.damaged"))
        await self.boot(stage, after: 0)
        #expect(try await stage.daemon.boots(of: "pc1").map(\.number) == [1])
        await stage.daemon.stop()
    }

    @Test func `without a place for a database the daemon serves, and shows what it has seen`() async throws {
        let stage = try Stage(self.one)
        try makeFolder(stage.folder.path + "/boots.sqlite")
        try await stage.daemon.start()
        await self.boot(stage, after: 0)
        #expect(try await stage.daemon.boots(of: "pc1").map(\.number) == [1])
        await stage.daemon.stop()
    }

    @Test func `a machine whose target is down has it in its timeline`() async throws {
        let stage = try Stage(self.one)
        await stage.targets.take(port: 3260)
        try await stage.daemon.start()
        await self.boot(stage, after: 0)
        let entries = try #require(await stage.daemon.timeline(of: "pc1").story.boots.last).entries
        #expect(entries.last?.text == "its target is not served: nobody listens at 10.77.0.1:3260")
        await stage.daemon.stop()
    }
}
