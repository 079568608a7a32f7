// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Model
import Testing

@Suite("saveconfig.json round trip")
struct RoundTripTests {
    @Test func `a file as LIO writes it is written back with every key`() throws {
        let (configuration, problems) = try read(saveconfig)
        #expect(problems.isEmpty)
        #expect(configuration.validate().isEmpty)
        guard case .object(var members) = configuration.json else {
            Issue.record("not an object")
            return
        }
        #expect(members.removeValue(forKey: "boot") == .object(["clients": .array([])]))
        #expect(try JSONValue.object(members) == json(saveconfig))
    }

    @Test func `keys of a later version survive at every depth`() throws {
        let text = """
            {"storage_objects": [], "targets": [], "later": {"a": [1, 2.5, null, true]},
             "boot": {"wake": "on", "clients": [{"name": "pc1", "mac": "52:54:00:00:00:01", "image": "lab",
               "method": "kernel", "transport": "tftp", "colour": "red"}],
               "services": {"address": "10.0.0.1", "interface": "eth0", "dhcp": "range", "tftp_port": 69,
                 "http_port": 80, "iscsi_port": 3260, "ipv6": {"prefix": "fd00::"},
                 "range": {"first": "10.0.0.5", "last": "10.0.0.9", "prefix_length": 24, "lease_seconds": 600,
                   "domain": "lab"}}}}
            """
        let (configuration, problems) = try read(text)
        #expect(problems.isEmpty)
        #expect(try configuration.json == json(text))
        let again = Configuration.read(configuration.json)
        #expect(again.configuration == configuration)
    }

    @Test func `broken entries are reported with their paths, kept, and do not sink the others`() throws {
        let (configuration, problems) = try read(
            """
            {"storage_objects": [{"plugin": "fileio"}, {"plugin": "ramdisk", "name": "r", "size": 1048576}, 7],
             "targets": [{"fabric": "iscsi", "wwn": "iqn.2023-04.com.example:t",
               "tpgs": [{"tag": 1, "luns": [{"index": "zero"}], "portals": [{"ip_address": "::1", "port": 3260}]}]}],
             "boot": {"clients": [{"name": "pc1", "mac": "52:54:00:00:00:01", "image": "a", "disk": "/b"}]}}
            """)
        #expect(
            problems.map(\.path) == [
                "storage_objects[0].name", "storage_objects[2]", "targets[0].tpgs[0].luns[0].index",
                "targets[0].tpgs[0].luns[0].storage_object", "boot.clients[0].disk",
            ])
        #expect(configuration.storageObjects.map(\.name) == ["r"])
        #expect(configuration.targets.first?.portalGroups.first?.portals.count == 1)
        guard case .object(let members) = configuration.json, case .array(let objects)? = members["storage_objects"]
        else {
            Issue.record("no storage objects")
            return
        }
        #expect(objects.count == 3)
        #expect(objects.contains(.object(["plugin": .string("fileio")])))
        #expect(objects.contains(.integer(7)))
    }

    @Test(arguments: ["[]", "3", "null", "\"text\""])
    func `a document that is no object is one problem`(text: String) throws {
        let (configuration, problems) = try read(text)
        #expect(configuration == Configuration())
        #expect(problems.count == 1)
    }

    @Test func `changes survive their way over the API`() throws {
        let configuration = try read(saveconfig).configuration
        let changes: [Change] = [
            .addClient(client("pc1", mac: "52:54:00:00:00:01", method: .kernel(.tftp))),
            .patchClient(name: "pc1", patch: .object(["size": .null])),
            .removeClient(name: "pc1"), .setServices(services), .setServices(nil), .replace(configuration),
        ]
        for change in changes {
            let data = try JSONEncoder().encode(change.json)
            #expect(try Change.read(JSONDecoder().decode(JSONValue.self, from: data)) == change)
        }
    }
}
