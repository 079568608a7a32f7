// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Control
import ControlAPI
import Glibc
import ISCSIServer
import Model
import NIOCore
import NIOPosix
import SCSI
import Testing

@Suite("The state of units")
struct UnitStateTests {
    private static let name = "iqn.2026-11.org.example:t"

    private static func configuration() -> Configuration {
        var group = PortalGroup(tag: 1, attributes: ["generate_node_acls": .integer(1)])
        group.luns = [Model.LUN(index: 0, storageObject: "/backstores/ramdisk/r")]
        return Configuration(
            storageObjects: [StorageObject(plugin: "ramdisk", name: "r", wwn: "serial", size: 1 << 20)],
            targets: [Target(wwn: Self.name, portalGroups: [group])])
    }

    @Test func `a damaged memory keeps its disk from being served, and the message says what to do`() async throws {
        let stage = try Stage(Self.configuration())
        try makeFolder(stage.folder.path + "/units")
        let file = StateFile(path: stage.folder.path + "/units/ramdisk%2fr.state")
        try file.write(ByteBuffer(string: "apus-unit-memory 1\nunit serial\nreserv"))
        try await stage.daemon.start()
        #expect(await stage.targets.targets[Self.name]?.groups.first?.units.isEmpty == true)
        let problem = try #require(await stage.daemon.status().problems.first)
        #expect(problem.description.contains("ramdisk%2fr.state"))
        #expect(problem.description.contains("remove it to serve the disk without them"))
        try file.write(UnitMemory().text(ofUnit: "serial"))
        _ = try await stage.daemon.reload()
        #expect(await stage.targets.targets[Self.name]?.groups.first?.units.count == 1)
        #expect(await stage.daemon.status().problems.isEmpty)
        await stage.daemon.stop()
    }

    @Test func `a setting of a target port group reaches the unit, whose sessions go on`() async throws {
        let stage = try Stage(Self.configuration())
        try await stage.daemon.start()
        let unit = try #require(await stage.targets.targets[Self.name]?.groups.first?.units[0])
        #expect(unit.targetPortGroups == .standard)
        await stage.targets.forgetCalls()
        let path = TreePath("/backstores/ramdisk/r/alua/default_tg_pt_gp")
        let report = try await stage.daemon.change(
            .tree(
                TreeCommand(
                    path: path, verb: "set", positional: ["alua"],
                    named: ["alua_access_state": "2", "alua_access_type": "1"])))
        #expect(report.messages.contains("Parameter alua_access_state is now '2'."))
        #expect(report.steps == ["set 1 target port group of /backstores/ramdisk/r"])
        #expect(unit.targetPortGroups.groups.map(\.state) == [.standby])
        #expect(unit.targetPortGroups.groups.map(\.hasExplicitTransitions) == [false])
        #expect(await stage.targets.calls.isEmpty)
        #expect(try stage.onDisk().storageObjects[0].aluaGroups[0].setting("alua_access_state") == 2)
        await stage.daemon.stop()
    }

    @Test func `a file that is given another size grows while it is served, and only grows`() async throws {
        let folder = try TemporaryFolder()
        var configuration = Self.configuration()
        configuration.storageObjects[0] = StorageObject(
            plugin: "fileio", name: "f", wwn: "serial", dev: folder.path + "/f", size: 1 << 20)
        configuration.targets[0].portalGroups[0].luns[0].storageObject = "/backstores/fileio/f"
        let stage = try Stage(configuration, stores: FileStoreOpening(pool: .singleton))
        try await stage.daemon.start()
        let unit = try #require(await stage.targets.targets[Self.name]?.groups.first?.units[0])
        await stage.targets.forgetCalls()
        func resize(to size: String) async throws -> ChangeReport {
            let path = TreePath("/backstores/fileio/f")
            return try await stage.daemon.change(.tree(TreeCommand(path: path, verb: "resize", named: ["size": size])))
        }
        let report = try await resize(to: "3M")
        #expect(report.messages == ["Resized fileio f to 3145728 bytes."])
        #expect(report.steps == ["resize /backstores/fileio/f to 3145728 bytes"])
        #expect(unit.info.geometry.blockCount == 6144)
        #expect(await stage.targets.calls.isEmpty)
        await #expect(throws: (any Error).self) { try await resize(to: "2M") }
        #expect(try stage.onDisk().storageObjects[0].size == 3 << 20)
        #expect(unsafe truncate(folder.path + "/f", 4 << 20) == 0)
        _ = try await stage.daemon.reload()
        #expect(unit.info.geometry.blockCount == 8192)
        #expect(await stage.daemon.status().targets[0].luns[0].bytes == 4 << 20)
        await stage.daemon.stop()
    }
}
