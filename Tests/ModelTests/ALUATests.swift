// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Model
import Testing

@Suite("ALUA groups")
struct ALUATests {
    private static func configuration() -> Configuration {
        var group = PortalGroup(tag: 1)
        group.luns = [LUN(index: 0, storageObject: "/backstores/ramdisk/r")]
        var second = group
        second.tag = 2
        return Configuration(
            storageObjects: [StorageObject(plugin: "ramdisk", name: "r", wwn: "s", size: 1 << 20)],
            targets: [Target(wwn: "iqn.2026-11.org.example:t", portalGroups: [group, second])])
    }

    private static func after(_ lines: [String]) throws -> Configuration {
        var configuration = Self.configuration()
        for line in lines { configuration = try Self.perform(line, on: configuration).0 }
        return configuration
    }

    /// `PATH VERB WORD… NAME=VALUE…`
    private static func perform(_ line: String, on configuration: Configuration) throws -> (Configuration, [String]) {
        let words = line.split(separator: " ").map(String.init)
        var command = TreeCommand(path: TreePath(words[0]), verb: words[1])
        for word in words.dropFirst(2) {
            let halves = word.split(separator: "=").map(String.init)
            if halves.count == 2 { command.named[halves[0]] = halves[1] } else { command.positional.append(word) }
        }
        let outcome = try configuration.performing(command, in: TreeContext(uuid: "u"))
        let (result, messages) = (outcome.configuration, outcome.messages)
        return (result, messages)
    }

    private static let alua = "/backstores/ramdisk/r/alua"
    private static let lun = "/iscsi/iqn.2026-11.org.example:t/tpg2/luns/lun0"

    @Test func `groups are made, set, given LUNs and done away with`() throws {
        var configuration = try Self.after([
            "\(Self.alua) create name=far tag=5",
            "\(Self.alua)/far set alua alua_access_state=2 preferred=1 trans_delay_msecs=40",
            "\(Self.lun) set alua alua_tg_pt_gp_name=far",
        ])
        let node = configuration.node(at: TreePath(Self.alua))
        #expect(node?.summary == "ALUA Groups: 2")
        #expect(node?.children.map(\.name) == ["default_tg_pt_gp", "far"])
        #expect(node?.children.map(\.summary) == ["ALUA state: Active/optimized", "ALUA state: Standby"])
        #expect(configuration.node(at: TreePath(Self.lun))?.summary == "ramdisk/r (far)")
        #expect(configuration.settings("alua", at: TreePath("\(Self.alua)/far"))?["alua_access_state"] == "2")
        let map = configuration.expanded(in: Surroundings(stateFolder: "/s")).deployment.access["/backstores/ramdisk/r"]
        #expect(map?.groups.map(\.id) == [0, 5])
        #expect(map?.groups.map(\.state) == [0, 2])
        #expect(map?.groups.map(\.isPreferred) == [false, true])
        #expect(map?.groups.map(\.transitionMilliseconds) == [0, 40])
        #expect(
            map?.ports == [
                .init(target: "iqn.2026-11.org.example:t", tag: 1): 0,
                .init(target: "iqn.2026-11.org.example:t", tag: 2): 5,
            ])
        configuration = try Self.perform("\(Self.alua) delete far", on: configuration).0
        #expect(configuration.storageObjects[0].aluaGroups.map(\.name) == [ALUAGroup.defaultName])
        #expect(configuration.targets == Self.configuration().targets)
        #expect(configuration.expanded(in: Surroundings(stateFolder: "/s")).deployment.access.isEmpty)
    }

    @Test(arguments: [
        "\(Self.alua) create name=default_tg_pt_gp tag=5", "\(Self.alua) create name=x tag=0",
        "\(Self.alua) create name=x tag=70000", "\(Self.alua) create name=a/b tag=3", "\(Self.alua) delete x",
        "\(Self.alua) delete default_tg_pt_gp", "\(Self.alua)/default_tg_pt_gp set alua alua_access_state=9",
        "\(Self.alua)/default_tg_pt_gp set alua alua_access_type=4",
        "\(Self.alua)/default_tg_pt_gp set alua preferred=x",
        "\(Self.alua)/default_tg_pt_gp set alua alua_support_standby=0 nosuch=1",
        "\(Self.lun) set alua alua_tg_pt_gp_name=x",
        "/backstores set alua x=1",
    ])
    func `what makes no sense is refused`(_ line: String) {
        #expect(throws: TreeRefusal.self) { try Self.perform(line, on: Self.configuration()) }
    }

    @Test func `a state that the group cannot be in is refused`() throws {
        let configuration = try Self.after(["\(Self.alua)/default_tg_pt_gp set alua alua_support_standby=0"])
        #expect(throws: TreeRefusal.self) {
            try Self.perform("\(Self.alua)/default_tg_pt_gp set alua alua_access_state=2", on: configuration)
        }
    }

    @Test func `one group for all ports needs no members`() throws {
        let configuration = try Self.after(["\(Self.alua)/default_tg_pt_gp set alua alua_access_state=1"])
        let map = configuration.expanded(in: Surroundings(stateFolder: "/s")).deployment.access["/backstores/ramdisk/r"]
        #expect(map?.groups.map(\.state) == [1])
        #expect(map?.ports.isEmpty == true)
    }

    @Test func `groups that contradict each other are problems of the file`() throws {
        var configuration = try Self.after(["\(Self.alua) create name=far tag=5"])
        configuration.storageObjects[0].aluaGroups.append(
            ALUAGroup(name: "far", id: 0, settings: ["alua_access_state": .integer(7)]))
        let causes = configuration.validate(in: Surroundings(stateFolder: "/s")).map(\.cause)
        #expect(causes.contains("there is a group of that name already"))
        #expect(causes.contains("0 is taken or no identifier"))
        #expect(causes.contains("7 means nothing"))
    }
}
