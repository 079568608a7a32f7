// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Testing

@Suite("Machines and their groups")
struct ClientGroupTests {
    private static let lab = ClientGroup(
        name: "lab", settings: BootSettings(source: .image("lab"), method: .kernel(.tftp), kernelArguments: "quiet"))

    private func configuration(_ clients: [BootClient], groups: [ClientGroup] = [Self.lab]) -> Configuration {
        Configuration(boot: Boot(services: services, clients: clients, groups: groups))
    }

    private func member(_ name: String, mac: String? = "52:54:00:00:00:01") -> BootClient {
        var client = BootClient(name: name, mac: mac)
        client.group = "lab"
        return client
    }

    private func problems(_ configuration: Configuration) -> [String] {
        configuration.validate(in: surroundings).map { "\($0.path): \($0.cause)" }
    }

    @Test func `a machine has of its group what it does not say itself`() throws {
        var own = self.member("pc1")
        own.kernelArguments = "debug"
        let resolved = self.configuration([own]).boot.resolved(own)
        #expect(resolved.source == .image("lab"))
        #expect(resolved.effectiveMethod == .kernel(.tftp))
        #expect(resolved.kernelArguments == "debug")
        let machine = try #require(
            self.configuration([own]).expanded(in: surroundings).deployment.boot?.machines["pc1"])
        guard case .kernel(_, _, let arguments, .tftp) = machine.method else {
            Issue.record("\(machine.method)")
            return
        }
        #expect(arguments.hasSuffix(" debug") && !arguments.contains("quiet"))
    }

    @Test func `a machine can decline what its group says of CHAP`() {
        var chap = Self.lab
        chap.settings.chap = .perBoot
        var own = self.member("pc1")
        own.chap = ClientCHAP.none
        let expanded = self.configuration([own], groups: [chap]).expanded(in: surroundings)
        #expect(expanded.deployment.boot?.machines["pc1"]?.isCHAPPerBoot == false)
    }

    @Test func `it is written and read again`() {
        let configuration = self.configuration([self.member("pc1")])
        #expect(Configuration.read(configuration.json).configuration == configuration)
        #expect(configuration.validate(in: surroundings).isEmpty)
    }

    @Test func `groups are added, changed and removed as machines are`() throws {
        let changes: [Change] = [
            .addGroup(Self.lab), .patchGroup(name: "lab", patch: .object(["method": .null])),
            .removeGroup(name: "lab"),
        ]
        var configuration = Configuration()
        for change in changes {
            configuration = try configuration.applying(Change.read(change.json))
            if case .patchGroup = change { #expect(configuration.boot.groups[0].settings.method == nil) }
        }
        #expect(configuration.boot.groups.isEmpty)
        #expect(throws: ChangeRefusal.noSuchGroup("x", known: [])) {
            try configuration.applying(.removeGroup(name: "x"))
        }
        #expect(throws: ChangeRefusal.groupExists("lab")) {
            try self.configuration([]).applying(.addGroup(Self.lab))
        }
    }

    @Test func `flaws of groups are told once, and keep their machines from being served`() {
        var bad = Self.lab
        bad.settings.source = .image("lub")
        let configuration = self.configuration(
            [self.member("pc1"), self.member("pc2", mac: "52:54:00:00:00:02")], groups: [bad])
        #expect(self.problems(configuration) == ["boot.groups[0].image: there is no image lub"])
        let deployment = configuration.expanded(in: surroundings).deployment
        #expect(deployment.boot?.machines.isEmpty == true && deployment.targets.isEmpty)
    }

    @Test(arguments: [
        (ClientGroup(name: "Lab"), "boot.groups[1].name"),
        (ClientGroup(name: "lab"), "boot.groups[1].name"),
        (ClientGroup(name: "x", settings: BootSettings(source: .disk("/a"))), "boot.groups[1].disk"),
        (ClientGroup(name: "x", settings: BootSettings(size: 5)), "boot.groups[1].size"),
        (ClientGroup(name: "x", settings: BootSettings(ipxeScript: "echo")), "boot.groups[1].ipxe_script"),
    ])
    func `a group's flaw has its place`(_ group: ClientGroup, _ path: String) {
        let problems = self.configuration([], groups: [Self.lab, group]).validate(in: surroundings)
        #expect(problems.map(\.path) == [path])
    }

    @Test func `a machine without a group of that name, or with nothing to boot, is told`() {
        var lost = self.member("pc1")
        lost.group = "lub"
        #expect(
            self.configuration([lost]).validate(in: surroundings).map(\.path) == ["boot.clients[0].group"])
        let idle = BootClient(name: "pc1", mac: "52:54:00:00:00:01")
        #expect(self.configuration([idle]).validate(in: surroundings).map(\.path) == ["boot.clients[0].image"])
    }
}

@Suite("Which machine it is")
struct MachineIdentityTests {
    private static let uuid = "4c4c4544-0042-3510-8052-b4c04f4d3232"

    private static let index = MachineIndex([
        "mac": MachineIdentity(mac: "52:54:00:00:00:01"),
        "uuid": MachineIdentity(uuid: uuid),
        "serial": MachineIdentity(serial: "AB12"),
        "port": MachineIdentity(circuitID: "ge-0/0/7"),
        "far": MachineIdentity(circuitID: "ge-0/0/7", remoteID: "switch2"),
    ])

    @Test(
        arguments: [
            (MachineIdentity(mac: "52:54:00:00:00:01", uuid: uuid), "mac"),
            (MachineIdentity(mac: "52:54:00:00:00:09", uuid: uuid, serial: "AB12"), "uuid"),
            (MachineIdentity(uuid: "44454c4c-4200-1035-8052-b4c04f4d3232"), "uuid"),
            (MachineIdentity(serial: "AB12", circuitID: "ge-0/0/7"), "serial"),
            (MachineIdentity(circuitID: "ge-0/0/7", remoteID: "switch1"), "port"),
            (MachineIdentity(circuitID: "ge-0/0/7", remoteID: "switch2"), "far"),
            (MachineIdentity(mac: "52:54:00:00:00:09", circuitID: "ge-0/0/8"), nil),
            (MachineIdentity(), nil),
        ] as [(MachineIdentity, String?)])
    func `what is the machine's own comes before where it stands`(_ seen: MachineIdentity, _ name: String?) {
        #expect(Self.index.name(of: seen) == name)
    }

    @Test(
        arguments: [
            ("4C4C4544-0042-3510-8052-B4C04F4D3232", uuid), ("4c4c454400423510" + "8052b4c04f4d3232", uuid),
            ("00000000-0000-0000-0000-000000000000", nil), ("ffffffff-ffff-ffff-ffff-ffffffffffff", nil),
            ("4c4c4544", nil), ("4c4c4544-0042-3510-8052-b4c04f4d323g", nil), ("", nil),
        ] as [(String, String?)])
    func `UUIDs are read as they are written`(_ text: String, _ canonical: String?) {
        #expect(UUIDText.canonical(text) == canonical)
    }

    @Test(
        arguments: [
            (" AB12 ", "AB12"), ("To Be Filled By O.E.M.", nil), ("Not Specified", nil), ("", nil), ("\u{7}", nil),
        ] as [(String, String?)])
    func `what makers leave blank is no serial number`(_ text: String, _ canonical: String?) {
        #expect(SerialText.canonical(text) == canonical)
    }

    @Test func `a circuit is the same however it is written`() {
        #expect(CircuitText.canonical([0, 4, 0, 1]) == "0x00040001")
        #expect(CircuitText.canonical("0x00040001") == "0x00040001")
        #expect(CircuitText.canonical("0x" + "67652d302f302f37") == CircuitText.canonical("ge-0/0/7"))
        #expect(CircuitText.canonical("0xzz") == CircuitText.canonical(Array("0xzz".utf8)))
    }

    @Test(arguments: [
        (#""name":"b""#, "boot.clients[1].mac"),
        (#""name":"b","uuid":"00000000-0000-0000-0000-000000000000""#, "boot.clients[1].uuid"),
        (#""name":"b","uuid":"4C4C4544-0042-3510-8052-B4C04F4D3232""#, "boot.clients[1].uuid"),
        (#""name":"b","serial":"none""#, "boot.clients[1].serial"),
        (#""name":"b","circuit_id":"p7""#, "boot.clients[1].circuit_id"),
        (#""name":"b","mac":"52:54:00:00:00:02","remote_id":"s""#, "boot.clients[1].remote_id"),
    ])
    func `two machines that cannot be told apart are refused, and what nobody is known by`(
        _ members: String, _ path: String
    ) throws {
        let (configuration, _) = try read(
            """
            {"boot": {"services": {"address": "10.77.0.1", "interface": "br0", "dhcp": "proxy"}, "clients": [
              {"name": "a", "uuid": "4c4c4544-0042-3510-8052-b4c04f4d3232", "circuit_id": "p7", "image": "lab"},
              {\(members), "image": "lab"}]}}
            """)
        #expect(configuration.validate(in: surroundings).map(\.path) == [path])
    }
}
