// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Shell
import Testing

@Suite("Completion")
struct CompletionTests {
    let configuration = Configuration(
        storageObjects: [StorageObject(plugin: "block", name: "sda", dev: "/dev/sda")],
        targets: [
            Target(
                wwn: "iqn.2023-04.com.example:t",
                portalGroups: [PortalGroup(luns: [LUN(index: 4, storageObject: "/backstores/block/sda")])])
        ])

    @Test(arguments: [
        ("", ["backstores/", "bookmarks", "cd", "clearconfig"]),
        ("se", ["sessions", "set"]),
        ("cd /is", ["/iscsi/"]),
        ("cd /iscsi/", ["/iscsi/iqn.2023-04.com.example:t/"]),
        ("ls backstores/block/s", ["backstores/block/sda/"]),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1/luns delete ", ["4"]),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1/luns create ", ["/backstores/block/sda"]),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1 set ", ["attribute", "auth", "parameter"]),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1 set attribute login_t", ["login_timeout="]),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1 get parameter MaxC", ["MaxConnections"]),
        ("help cr", ["create"]), ("ls nosuch/", []), ("exit ", []),
    ])
    func candidates(line: String, first: [String]) {
        let session = ShellSession(backend: Owner(), version: "apus test")
        let found = session.completions(of: line, in: self.configuration)
        #expect(Array(found.prefix(first.count)) == first)
        if !line.isEmpty { #expect(found.count == first.count) }
    }
}
