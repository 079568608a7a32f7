// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BlockStores
import Control
import ControlAPI
import ISCSIServer
import Model
import NIOCore
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
}
