// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import BootStory
import Control
import ControlAPI
import ISCSIServer
import Model
import Testing

@Suite("Daemon")
struct DaemonTests {
    let one = Configuration(boot: Boot(services: services, clients: [disk("pc1", 1)]))

    @Test func `starting serves what the file says, stopping is the way to nothing`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        #expect(await stage.targets.calls == ["set iqn.2026-11.org.apus:pc1", "listen 10.77.0.1:3260"])
        #expect(await stage.boot.services?.interface == "br0")
        let mac = try #require(MACAddress("52:54:00:00:00:01"))
        #expect(await stage.boot.directory?.assignment(for: mac)?.targetName == "iqn.2026-11.org.apus:pc1")
        await stage.targets.forgetCalls()
        await stage.daemon.stop()
        #expect(
            await stage.targets.calls == [
                "shutdown 3.0 seconds", "stop listening 10.77.0.1:3260", "remove iqn.2026-11.org.apus:pc1",
            ])
        #expect(await stage.boot.services == nil)
    }

    @Test func `a change is applied, written, and touches nothing else`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        await stage.targets.forgetCalls()
        let report = try await stage.daemon.change(.addClient(disk("pc2", 2)))
        #expect(report.generation == 2)
        #expect(await stage.targets.calls == ["set iqn.2026-11.org.apus:pc2"])
        #expect(try stage.onDisk().boot.clients.map(\.name) == ["pc1", "pc2"])
        let mac = try #require(MACAddress("52:54:00:00:00:02"))
        #expect(await stage.boot.directory?.assignment(for: mac)?.client == "pc2")
    }

    @Test func `a change tells which problems came with it`() async throws {
        func target(_ name: String) -> Target {
            let acl = NodeACL(
                nodeWWN: "iqn.2026-11.org.example:n", chapUserID: "user", chapPassword: "short")
            return Target(wwn: "iqn.2026-11.org.example:\(name)", portalGroups: [PortalGroup(nodeACLs: [acl])])
        }
        var configuration = Configuration(targets: [target("a")])
        let stage = try Stage(configuration)
        try await stage.daemon.start()
        configuration.storageObjects.append(StorageObject(plugin: "ramdisk", name: "r", size: 1 << 20))
        let other = try await stage.daemon.change(.replace(configuration))
        #expect(!other.problems.isEmpty && other.fresh.isEmpty)
        configuration.targets.append(target("b"))
        let more = try await stage.daemon.change(.replace(configuration))
        #expect(more.fresh.map(\.path) == ["targets[1].tpgs[0].node_acls[0].chap_password"])
        await stage.daemon.stop()
    }

    @Test func `changes of a large configuration are in its file when the daemon has stopped`() async throws {
        var configuration = Configuration(
            storageObjects: (0..<1000).map { StorageObject(plugin: "ramdisk", name: "disk\($0)", size: 1 << 20) })
        let stage = try Stage(configuration)
        try await stage.daemon.start()
        for number in 0..<3 {
            configuration.storageObjects.append(
                StorageObject(plugin: "ramdisk", name: "more\(number)", size: 1 << 20))
            let report = try await stage.daemon.change(.replace(configuration))
            #expect(report.generation == number + 2)
        }
        #expect(try ConfigurationFile.load(stage.file.path).configuration.storageObjects.count == 1000)
        #expect(try stage.onDisk() == configuration)
        await stage.daemon.stop()
        #expect(try ConfigurationFile.load(stage.file.path).configuration == configuration)
        #expect(stage.file.history().map(\.number) == [1, 2, 3, 4])
    }

    @Test func `an invalid change is refused with all its problems and changes nothing`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        await stage.targets.forgetCalls()
        var bad = disk("pc2", 1)
        bad.targetName = "nonsense"
        let failure = await #expect(throws: ChangeFailure.self) {
            try await stage.daemon.change(.addClient(bad))
        }
        #expect(failure?.problems.map(\.path) == ["boot.clients[1].mac", "boot.clients[1].target_name"])
        #expect(await stage.targets.calls.isEmpty)
        #expect(try stage.onDisk() == self.one)
    }

    @Test func `a change that does not run is taken back and not written`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        await stage.targets.take(port: 3261)
        var moved = services
        moved.iscsiPort = 3261
        let failure = await #expect(throws: ChangeFailure.self) {
            try await stage.daemon.change(.setServices(moved))
        }
        #expect("\(try #require(failure))".contains("ss -ltnp 'sport = :3261'"))
        #expect(await stage.daemon.status().portals == ["10.77.0.1:3260"])
        #expect(await stage.daemon.status().problems.isEmpty)
        #expect(await stage.boot.services?.interface == "br0")
        #expect(try stage.onDisk() == self.one)
    }

    @Test func `at start what fails is reported, the rest runs, and a later change tries again`() async throws {
        var two = self.one
        two.boot.clients.append(disk("pc2", 2))
        let stage = try Stage(two, stores: MemoryStores(missing: ["/disks/pc2.img"]))
        await stage.targets.take(port: 3260)
        try await stage.daemon.start()
        var status = await stage.daemon.status()
        #expect(status.problems.map(\.path) == ["/backstores/fileio/client:pc2", "portal 10.77.0.1:3260"])
        #expect(status.targets.map(\.luns.count) == [1, 0])
        await stage.targets.free(port: 3260)
        _ = try await stage.daemon.change(.removeClient(name: "pc2"))
        status = await stage.daemon.status()
        #expect(status.problems.isEmpty)
        #expect(status.portals == ["10.77.0.1:3260"])
    }

    @Test func `changes at the same time all take effect`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 2...50 {
                group.addTask { _ = try await stage.daemon.change(.addClient(disk("pc\(number)", number))) }
            }
            try await group.waitForAll()
        }
        #expect(Set(try stage.onDisk().boot.clients.map(\.name)) == Set((1...50).map { "pc\($0)" }))
        #expect(stage.file.history().count == 49)
    }

    @Test func `a change for another version is refused`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        let generation = await stage.daemon.configurationReport().generation
        _ = try await stage.daemon.change(.addClient(disk("pc2", 2)), expecting: generation)
        await #expect(throws: ChangeFailure.self) {
            try await stage.daemon.change(.addClient(disk("pc3", 3)), expecting: generation)
        }
    }

    @Test func `a dry run tells the steps and does none`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        await stage.targets.forgetCalls()
        let report = try await stage.daemon.change(.removeClient(name: "pc1"), dryRun: true)
        #expect(report.steps.first == "remove target iqn.2026-11.org.apus:pc1")
        #expect(await stage.targets.calls.isEmpty)
        #expect(try stage.onDisk() == self.one)
    }

    @Test func `a file edited by hand is not overwritten, and is taken over by a reload`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        var edited = self.one
        edited.boot.clients[0].kernelArguments = "quiet"
        try stage.file.save(edited)
        await #expect(throws: ChangeFailure.self) { try await stage.daemon.change(.addClient(disk("pc2", 2))) }
        #expect(try stage.onDisk() == edited)
        _ = try await stage.daemon.reload()
        _ = try await stage.daemon.change(.addClient(disk("pc2", 2)))
        #expect(try stage.onDisk().boot.clients.map(\.kernelArguments) == ["quiet", nil])
    }

    @Test func `a bad file leaves the old configuration running`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        var broken = self.one
        broken.boot.clients[0].mac = "nonsense"
        try stage.file.save(broken)
        await #expect(throws: ChangeFailure.self) { try await stage.daemon.reload() }
        #expect(await stage.daemon.status().targets.map(\.name) == ["iqn.2026-11.org.apus:pc1"])
        #expect(await stage.daemon.configurationReport().configuration == self.one.json)
    }

    @Test func `what the servers see becomes a machine's timeline`() async throws {
        let stage = try Stage(self.one)
        try await stage.daemon.start()
        let observing = Task { await stage.daemon.observe() }
        let mac = try #require(MACAddress("52:54:00:00:00:01"))
        let updates = try await stage.daemon.follow("pc1")
        await stage.boot.see(.dhcpDiscover(mac, architecture: .uefiX64, isIPXE: false))
        await stage.boot.see(.dhcpOffer(mac, address: "10.77.0.52", bootFile: "snponly.efi"))
        await stage.boot.see(
            .transferred(
                nil, remote: "10.77.0.52:4711", .init(file: "snponly.efi", service: .tftp, bytes: 9, seconds: 1)))
        for await update in updates where update.story.boots.last?.stage == .bootFile { break }
        let report = try await stage.daemon.report(.loginPrompt, of: "pc1")
        #expect(report.story.boots.last?.entries.map(\.stage) == [.discover, .offer, .bootFile, .up])
        await #expect(throws: StoryFailure.self) { try await stage.daemon.timeline(of: "pc2") }
        await stage.daemon.stop()
        await observing.value
    }
}
