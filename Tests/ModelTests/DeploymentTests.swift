// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Model
import Testing

@Suite("Expansion")
struct ExpansionTests {
    @Test func `a client implies its own disk, target and ACL`() throws {
        let configuration = Configuration(
            boot: Boot(services: services, clients: [client("pc1", mac: "52-54-00-00-00-0A", method: .kernel(.http))]))
        let expanded = configuration.expanded(in: surroundings)
        let (deployment, problems) = (expanded.deployment, expanded.problems)
        #expect(problems.isEmpty)
        let target = try #require(deployment.targets["iqn.2026-11.org.apus:pc1"])
        #expect(target.initiators == ["iqn.2026-11.org.apus:pc1.initiator"])
        let store = try #require(target.groups.first?.luns[0].flatMap { deployment.backstores[$0] })
        #expect(
            store.kind
                == .file(
                    path: "/state/disks/pc1.img", size: nil, writeBack: true, original: "/state/images/lab/disk.img"))
        #expect(deployment.portals.map(\.description) == ["10.77.0.1:3260"])
        let machine = try #require(deployment.boot?.machines["pc1"])
        guard case .kernel(_, _, let arguments, .http) = machine.method else {
            Issue.record("\(machine.method)")
            return
        }
        #expect(
            arguments
                == "root=UUID=1234 rw ip=dhcp initiator_name=iqn.2026-11.org.apus:pc1.initiator "
                + "iscsi_target_ip=10.77.0.1 iscsi_target_name=iqn.2026-11.org.apus:pc1")
    }

    @Test func `a machine whose firmware does the work is told no kernel`() throws {
        var own = client("pc1", mac: "52:54:00:00:00:01", method: .firmware)
        own.secureBoot = true
        let http = client("pc2", mac: "52:54:00:00:00:02", method: .http)
        let configuration = Configuration(boot: Boot(services: services, clients: [own, http]))
        var surroundings = surroundings
        surroundings.images["lab"]?.isSigned = true
        let expanded = configuration.expanded(in: surroundings)
        let (deployment, problems) = (expanded.deployment, expanded.problems)
        #expect(problems.isEmpty)
        let machines = try #require(deployment.boot?.machines)
        #expect(machines["pc1"]?.method == .firmware)
        #expect(machines["pc1"]?.isSecureBoot == true)
        guard case .http(let kernel, _, let arguments) = machines["pc2"]?.method else {
            Issue.record("\(machines)")
            return
        }
        #expect(kernel == "/state/images/lab/vmlinuz")
        #expect(arguments.contains("iscsi_target_name=iqn.2026-11.org.apus:pc2"))
        #expect(Configuration.read(configuration.json).configuration == configuration)
    }

    @Test func `two clients of one image never share a disk or a serial number`() {
        let configuration = Configuration(
            boot: Boot(
                services: services,
                clients: [client("pc1", mac: "52:54:00:00:00:01"), client("pc2", mac: "52:54:00:00:00:02")]))
        let deployment = configuration.expanded(in: surroundings).deployment
        #expect(Set(deployment.backstores.values.map(\.kind)).count == 2)
        #expect(Set(deployment.backstores.values.map(\.serial)).count == 2)
        #expect(Set(deployment.targets.values.compactMap(\.initiators)).count == 2)
    }

    @Test func `flawed entries are left out and the rest is deployed`() throws {
        let (configuration, _) = try read(
            """
            {"storage_objects": [{"plugin": "ramdisk", "name": "r", "size": 1048576},
                                 {"plugin": "fileio", "name": "f", "dev": "relative"}],
             "targets": [{"fabric": "iscsi", "wwn": "iqn.2023-04.com.example:t", "tpgs": [{"tag": 1,
               "luns": [{"index": 0, "storage_object": "/backstores/ramdisk/r"}], "portals": []}]},
              {"fabric": "iscsi", "wwn": "nonsense", "tpgs": []},
              {"fabric": "iscsi", "wwn": "iqn.2023-04.com.example:chap", "tpgs": [{"tag": 1,
                "attributes": {"authentication": 1, "generate_node_acls": 1},
                "luns": [{"index": 0, "storage_object": "/backstores/ramdisk/r"}]}]}]}
            """)
        let expanded = configuration.expanded(in: surroundings)
        let (deployment, problems) = (expanded.deployment, expanded.problems)
        #expect(problems.count == 3)
        #expect(Array(deployment.backstores.keys) == ["/backstores/ramdisk/r"])
        // Nobody can prove anything to the last one, which problems tell; that keeps it shut, not away.
        #expect(deployment.targets.keys.sorted() == ["iqn.2023-04.com.example:chap", "iqn.2023-04.com.example:t"])
    }

    @Test func `the machines' targets are served at more addresses where that is asked for`() {
        var services = services
        services.iscsiAddresses = ["10.78.0.1", "fd00::1"]
        let deployment = Configuration(boot: Boot(services: services)).expanded(in: surroundings).deployment
        #expect(
            deployment.portals.map(\.description).sorted() == ["10.77.0.1:3260", "10.78.0.1:3260", "[fd00::1]:3260"])
        services.iscsiAddresses = ["storage.example"]
        let problems = Configuration(boot: Boot(services: services)).validate(in: surroundings)
        #expect(problems.map(\.path) == ["boot.services.iscsi_addresses[0]"])
    }

    @Test func `a wildcard portal stands for the services' own`() throws {
        var (configuration, _) = try read(saveconfig)
        configuration.boot.services = services
        let deployment = configuration.expanded(in: surroundings).deployment
        #expect(deployment.portals.map(\.description) == ["0.0.0.0:3260"])
        #expect(deployment.targets["iqn.2023-04.com.example:server"]?.initiators == ["iqn.2023-04.com.example:node"])
    }
}

@Suite("Changes")
struct ChangeTests {
    @Test func `adding a name twice is refused with the way to change it`() throws {
        let one = try Configuration().applying(.addClient(client("pc1", mac: "52:54:00:00:00:01")))
        #expect(throws: ChangeRefusal.clientExists("pc1")) {
            try one.applying(.addClient(client("pc1", mac: "52:54:00:00:00:02")))
        }
    }

    @Test func `a patch changes what it names and null takes back`() throws {
        var start = client("pc1", mac: "52:54:00:00:00:01", method: .kernel(.http))
        start.kernelArguments = "quiet"
        let configuration = try Configuration(boot: Boot(clients: [start])).applying(
            .patchClient(
                name: "pc1",
                patch: .object(["mac": .string("52:54:00:00:00:09"), "kernel_arguments": .null, "method": .null])))
        #expect(
            configuration.boot.clients
                == [BootClient(name: "pc1", mac: "52:54:00:00:00:09", source: .image("lab"))])
    }

    @Test func `an unknown client is named with those that exist`() throws {
        let configuration = Configuration(boot: Boot(clients: [client("pc1", mac: "52:54:00:00:00:01")]))
        #expect(throws: ChangeRefusal.noSuchClient("pc2", known: ["pc1"])) {
            try configuration.applying(.removeClient(name: "pc2"))
        }
    }
}
