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
        ("/iscsi/iqn.2023-04.com.example:t/tpg1/luns delete ", ["lun4"]),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1/luns create ", ["/backstores/block/sda", "add_mapped_luns=", "lun="]),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1 set ", ["attribute", "auth", "global", "parameter"]),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1 set attribute login_t", ["login_timeout="]),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1 get parameter MaxC", ["MaxConnections"]),
        (
            "/iscsi/iqn.2023-04.com.example:t/tpg1 set attribute authentication=",
            ["authentication=0", "authentication=1"]
        ),
        (
            "/iscsi/*/tpg1 set parameter HeaderDigest=",
            ["HeaderDigest=CRC32C", "HeaderDigest=CRC32C,None", "HeaderDigest=None"]
        ),
        ("/iscsi/iqn.2023-04.com.example:t/tpg1 set attribute t10_pi=0 t10", []),
        (
            "/iscsi/iqn.2023-04.com.example:t/tpg1/luns/lun4 set alua alua_tg_pt_gp_name=",
            ["alua_tg_pt_gp_name=default_tg_pt_gp"]
        ),
        ("/iscsi set discovery_auth enable=", ["enable=0", "enable=1", "enable=false", "enable=true"]),
        ("set global color", ["color_mode="]), ("set global color_mode=t", ["color_mode=true"]),
        ("/backstores/fileio create f", ["file_or_dev="]), ("bookmarks g", ["go"]), ("sessions d", ["detail"]),
        ("clearconfig ", ["confirm=true"]), ("help cr", ["create"]), ("ls nosuch/", []), ("exit ", []),
    ])
    func candidates(line: String, first: [String]) {
        let session = ShellSession(backend: Owner(), version: "apus test")
        let found = session.completions(of: line, in: self.configuration)
        #expect(Array(found.prefix(first.count)) == first)
        if !line.isEmpty { #expect(found.count == first.count) }
    }
}
