// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Foundation
import Model
import Shell
import Testing

/// Every state of the tree as it was approved: Golden/NAME.txt, at three widths. APUS_UPDATE_GOLDEN=1 writes the files
/// anew; what then differs is to be looked at, line by line, before it is kept.
@Suite("The tree of every state")
struct GoldenTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")

    private static func expect(_ text: String, is name: String) throws {
        let file = Self.folder.appending(path: name + ".txt")
        if ProcessInfo.processInfo.environment["APUS_UPDATE_GOLDEN"] != nil {
            try Data(text.utf8).write(to: file)
        }
        let golden = String(decoding: try Data(contentsOf: file), as: UTF8.self)
        // Line by line, so that what differs is seen.
        for (shown, approved) in zip(text.split(separator: "\n"), golden.split(separator: "\n")) {
            #expect(shown == approved, "\(name)")
        }
        #expect(text == golden, "\(name)")
    }

    @Test(arguments: TreeState.all)
    func `is drawn as it was approved`(state: TreeState) async throws {
        var text = ""
        for columns in [60, 80, 132] {
            let owner = Owner(media: ["/dev/sda": 1 << 30, "/dev/sdb": 3 << 40, "/srv/old.img": 5 << 20])
            try await state.make(owner)
            var session = ShellSession(backend: owner, version: "apus test", columns: columns)
            text += "\(columns) columns\n" + (try await session.run("ls").text) + "\n"
        }
        try Self.expect(text, is: state.name)
    }

    @Test func `in colours where the terminal has them`() async throws {
        let owner = Owner()
        try await TreeState.chap.make(owner)
        var session = ShellSession(backend: owner, version: "apus test", columns: 80)
        session.hasColours = true
        try Self.expect(try await session.run("ls").text.replacing("\u{1B}", with: "ESC"), is: "colours")
        _ = try await session.run("set global color_mode=false")
        #expect(!(try await session.run("ls").text.contains("\u{1B}")))
    }

    @Test func `sessions are listed`() async throws {
        let owner = Owner()
        try await TreeState.acls.make(owner)
        let initiator = "iqn.2023-04.com.example:node"
        var one = SessionStatus(
            id: 1, initiator: initiator, alias: "node", isid: "00023d000001", target: "iqn.2023-04.com.example:server",
            isDiscovery: false, remoteAddress: "10.0.0.7:40112",
            parameters: ["HeaderDigest": "CRC32C", "MaxBurstLength": "262144"], commands: 7, bytesRead: 8,
            bytesWritten: 9,
            idleSeconds: 1)
        var two = one
        (two.id, two.initiator, two.alias) = (12, "iqn.2023-04.com.example:other", nil)
        var three = one
        (three.id, three.isDiscovery, three.target, three.parameters) = (13, true, "", [:])
        one.commandsPerSecond = 4
        await owner.set(sessions: [one, two, three])
        var session = ShellSession(backend: owner, version: "apus test")
        var text = ""
        for line in ["sessions", "sessions list 12", "sessions detail", "sessions detail sid=13", "sessions 1"] {
            text += "/> \(line)\n" + (try await session.run(line).text)
        }
        try Self.expect(text, is: "sessions")
    }

    @Test(arguments: [
        "/", "/backstores", "/backstores/block", "/backstores/fileio/f1", "/backstores/fileio/f1/alua",
        "/backstores/fileio/f1/alua/default_tg_pt_gp", "/iscsi", "/iscsi/iqn.2023-04.com.example:server",
        "/iscsi/iqn.2023-04.com.example:server/tpg1", "/iscsi/iqn.2023-04.com.example:server/tpg1/acls",
        "/iscsi/iqn.2023-04.com.example:server/tpg1/acls/lab", "/iscsi/iqn.2023-04.com.example:server/tpg1/luns",
        "/iscsi/iqn.2023-04.com.example:server/tpg1/luns/lun0", "/iscsi/iqn.2023-04.com.example:server/tpg1/portals",
        "/iscsi/iqn.2023-04.com.example:server/tpg1/portals/0.0.0.0:3260",
        "/iscsi/iqn.2023-04.com.example:server/tpg1/acls/lab/mapped_lun0",
    ])
    func `info and status know every kind of node`(path: String) async throws {
        let owner = Owner()
        try await TreeState.acls.make(owner)
        var session = ShellSession(backend: owner, version: "apus test")
        var text = try await session.run("\(path) status").text + (try await session.run("\(path) info").text)
        text += try await session.run("\(path) get").text
        try Self.expect(
            text,
            is: "node"
                + path.replacing("iqn.2023-04.com.example:", with: "").replacing("/", with: "-").replacing(
                    ":", with: "-"))
    }
}

/// A configuration that has something to show.
struct TreeState: Sendable, CustomTestStringConvertible {
    var name: String
    var lines: [String] = []
    /// What no verb brings about.
    var change: @Sendable (inout Configuration) -> Void = { _ in }

    var testDescription: String { self.name }

    func make(_ owner: Owner) async throws {
        var session = ShellSession(backend: owner, version: "apus test")
        for line in self.lines { _ = try await session.run(line) }
        await owner.change(self.change)
    }

    private static let target = "/iscsi/iqn.2023-04.com.example:server"
    private static let node = "iqn.2023-04.com.example:node"

    static let all = [
        TreeState(name: "empty"), Self.backstores, Self.acls, Self.chap, Self.alua, Self.groups, Self.many, Self.broken,
        Self.long,
    ]

    static let backstores = TreeState(
        name: "backstores",
        lines: [
            "/backstores/block create sda /dev/sda", "/backstores/block create wide /dev/sdb readonly=true",
            "/backstores/fileio create f1 /f1.img 64M", "/backstores/fileio create f2 /f2.img 1000K write_back=false",
            "/backstores/fileio create old /srv/old.img", "/backstores/ramdisk create r1 16M",
            "/backstores/ramdisk create nothing 2T nullio=true", "/backstores/pscsi create tape /dev/sg3",
            "/iscsi create iqn.2023-04.com.example:server", "\(target)/tpg1/luns create /backstores/block/sda",
            "\(target)/tpg1/luns create /backstores/fileio/f1", "\(target)/tpg1/luns create /backstores/ramdisk/r1",
            "\(target)/tpg1/luns create /backstores/pscsi/tape", "\(target)/tpg1/luns create /srv/old.img",
            "\(target)/tpg1/luns create /dev/sdb",
        ])

    static let acls = TreeState(
        name: "acls",
        lines: [
            "/backstores/fileio create f1 /f1.img 64M", "/backstores/ramdisk create r1 16M",
            "/iscsi create iqn.2023-04.com.example:server", "\(target)/tpg1/luns create /backstores/fileio/f1",
            "\(target)/tpg1/acls create \(node)", "\(target)/tpg1/acls create \(node)2",
            "\(target)/tpg1/acls create \(node)3 add_mapped_luns=false", "\(target)/tpg1/acls create \(node)4",
            "\(target)/tpg1/luns create /backstores/ramdisk/r1 lun=200",
            "\(target)/tpg1/acls/\(node)3 create 9 lun200 write_protect=true",
            "\(target)/tpg1/acls tag \(node)2 lab", "\(target)/tpg1/acls tag \(node)4 lab",
        ])

    static let chap = TreeState(
        name: "chap",
        lines: [
            "/iscsi create iqn.2023-04.com.example:acl", "/iscsi create iqn.2023-04.com.example:demo",
            "/iscsi create iqn.2023-04.com.example:mutual", "/iscsi create iqn.2023-04.com.example:none",
            "/iscsi create iqn.2023-04.com.example:open", "/iscsi create iqn.2023-04.com.example:unset",
            "/iscsi/*:acl/tpg1/acls create \(node)1", "/iscsi/*:acl/tpg1/acls create \(node)2",
            "/iscsi/*:acl/tpg1/acls create \(node)3", "/iscsi/*:acl/tpg1/acls create \(node)4",
            "/iscsi/*:acl/tpg1 set attribute authentication=1",
            "/iscsi/*:acl/tpg1/acls/*1 set auth userid=u password=secret-of-node",
            "/iscsi/*:acl/tpg1/acls/*2 set auth userid=u password=secret-of-node mutual_userid=t",
            "/iscsi/*:acl/tpg1/acls/*2 set auth mutual_password=secret-of-target",
            "/iscsi/*:acl/tpg1/acls/*4 set attribute authentication=0",
            "/iscsi/*:demo/tpg1 set attribute authentication=1 generate_node_acls=1",
            "/iscsi/*:demo/tpg1 set auth userid=u password=secret-of-all",
            "/iscsi/*:mutual/tpg1 set attribute authentication=1 generate_node_acls=1",
            "/iscsi/*:mutual/tpg1 set auth userid=u password=secret-of-all mutual_userid=t mutual_password=another-secret",
            "/iscsi/*:open/tpg1 set attribute generate_node_acls=1",
            "/iscsi/*:unset/tpg1 set attribute authentication=1 generate_node_acls=1",
            "/iscsi set discovery_auth enable=1 userid=u password=secret-of-all mutual_userid=t mutual_password=not-the-same",
        ])

    static let alua = TreeState(
        name: "alua",
        lines: [
            "/backstores/ramdisk create r1 16M", "/backstores/ramdisk/r1/alua create near 1",
            "/backstores/ramdisk/r1/alua create far 2", "/backstores/ramdisk/r1/alua create gone 16",
            "/backstores/ramdisk/r1/alua/near set alua alua_access_state=1",
            "/backstores/ramdisk/r1/alua/far set alua alua_access_state=2",
            "/backstores/ramdisk/r1/alua/gone set alua alua_access_state=14",
            "/iscsi create iqn.2023-04.com.example:server", "\(target) create 2",
            "\(target)/tpg1/luns create /backstores/ramdisk/r1", "\(target)/tpg2/luns create /backstores/ramdisk/r1",
            "\(target)/tpg2/luns/lun0 set alua alua_tg_pt_gp_name=far",
        ])

    static let groups = TreeState(
        name: "groups",
        lines: [
            "/iscsi create iqn.2023-04.com.example:server", "\(target) create 7", "\(target) create 2",
            "\(target)/tpg7 disable", "\(target)/tpg2/portals create 10.0.0.1",
            "\(target)/tpg2/portals create 10.0.0.1 3261",
            "\(target)/tpg2/portals create ::1 860", "\(target)/tpg2/portals create fe80::1%eth0 3260",
        ])

    static let many = TreeState(
        name: "many",
        lines: (0..<12).map { "/backstores/ramdisk create r\($0) 1M" } + [
            "/iscsi create iqn.2023-04.com.example:server"
        ]
            + (0..<12).map { "\(target)/tpg1/luns create /backstores/ramdisk/r\($0)" } + [
                "\(target)/tpg1/acls create \(node)"
            ])

    static let broken = TreeState(name: "broken", lines: Self.acls.lines) { configuration in
        configuration.storageObjects.removeAll { $0.name == "f1" }
        configuration.targets[0].portalGroups[0].luns.removeAll { $0.index == 200 }
    }

    static let long = TreeState(
        name: "long",
        lines: [
            "/backstores/fileio create \(String(repeating: "long-name-", count: 6))end /\(String(repeating: "deep/", count: 20))x 1G",
            "/iscsi create iqn.2023-04.com.example:\(String(repeating: "server.", count: 14))end",
            "/iscsi/*/tpg1/luns create /backstores/fileio/\(String(repeating: "long-name-", count: 6))end",
        ])
}
