// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Testing

@Suite("apus config")
struct ConfigTests {
    /// A file of an LIO host: two good entries, one broken, one that Apus does not serve.
    static let lio = """
        {"fabric_modules": [], "storage_objects": [
           {"plugin": "ramdisk", "name": "r", "size": 1048576, "wwn": "s1", "attributes": {"emulate_tpu": 1}},
           {"plugin": "user", "name": "u", "config": "rbd/x"}, {"plugin": "fileio", "size": 5}],
         "targets": [{"fabric": "iscsi", "wwn": "iqn.2023-04.com.example:t", "tpgs": [{"tag": 1, "enable": true,
           "attributes": {"generate_node_acls": 1}, "luns": [{"index": 0, "storage_object": "/backstores/ramdisk/r"}],
           "node_acls": [{"node_wwn": "iqn.2023-04.com.example:n", "mapped_luns": [], "chap_password": "geheim"}],
           "portals": []}]}]}
        """

    @Test func `a file of an LIO host is applied as far as it goes, and everything in it is kept`() throws {
        let place = try Place()
        let file = place.folder + "/lio.json"
        try Self.lio.write(toFile: file, atomically: true, encoding: .utf8)

        let refused = try Program.run(["config", "apply", file] + place.options)
        #expect(refused.status == 78)
        #expect(refused.error.contains("storage_objects[2].name: this is missing"))
        #expect(!FileManager.default.fileExists(atPath: place.configuration))

        let applied = try Program.run(["config", "apply", file, "--keep-going"] + place.options)
        #expect(applied.status == 0, "\(applied.error)")
        #expect(applied.output.contains("serve target iqn.2023-04.com.example:t with 1 LUN"))
        #expect(applied.output.contains("warning: storage_objects[1].plugin: user backstores are not served"))
        #expect(applied.output.contains("error: storage_objects[2].name"))

        let shown = try Program.run(["config", "show"] + place.options)
        #expect(shown.output.contains("rbd/x"))
        #expect(shown.output.contains("(hidden)"))
        #expect(!shown.output.contains("geheim"))
        #expect(try Program.run(["config", "show", "--secrets"] + place.options).output.contains("geheim"))
    }

    @Test func `differences are steps, and earlier versions can be had back`() throws {
        let place = try Place()
        for number in 1...2 {
            let added = try Program.run(
                ["client", "add", "pc\(number)", "--mac", "52:54:00:00:00:0\(number)", "--disk", "/d\(number)"]
                    + place.options)
            #expect(added.status == 0, "\(added.error)")
        }
        let history = try Program.run(["config", "history"] + place.options)
        #expect(history.output.split(separator: "\n").count == 2)

        let first = place.folder + "/first.json"
        let version = try Program.run(["config", "show", "--version", "1"] + place.options)
        try version.output.write(toFile: first, atomically: true, encoding: .utf8)
        let diff = try Program.run(["config", "diff", first] + place.options)
        #expect(diff.status == 1)
        #expect(diff.output.contains("remove target iqn.2026-11.org.apus:pc2"))

        let back = try Program.run(["config", "rollback", "1"] + place.options)
        #expect(back.status == 0, "\(back.error)")
        #expect(try Program.run(["client", "list"] + place.options).output.split(separator: "\n").count == 2)
        #expect(try Program.run(["config", "diff", first] + place.options).status == 0)
        let unknown = try Program.run(["config", "rollback", "77"] + place.options)
        #expect(unknown.status == 66)
        #expect(unknown.error.contains("there are 1 to 2"))
    }

    @Test(arguments: [["config", "apply"], ["config", "diff"]])
    func `a file that is not there is one line`(command: [String]) throws {
        let place = try Place()
        let result = try Program.run(command + ["/no/such.json"] + place.options)
        #expect(result.status == 66)
        #expect(result.error == "apus: cannot read /no/such.json: there is no such file or folder\n")
    }
}
