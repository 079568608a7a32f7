// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Shell
import Testing

@Suite("Wildcards and bulk forms")
struct WildcardTests {
    private static let two = [
        "/backstores/ramdisk create r1 16M", "/backstores/ramdisk create r2 16M", "/backstores/ramdisk create r10 16M",
        "/iscsi create iqn.2023-04.com.example:a", "/iscsi create iqn.2023-04.com.example:b",
    ]

    private func answers(_ lines: [String], owner: Owner = Owner()) async throws -> [String] {
        _ = try await transcript(Self.two, owner: owner)
        return try await transcript(lines, owner: owner).split(separator: "\n").filter { !$0.contains("> ") }
            .map(String.init)
    }

    @Test func `a verb is done at each node that a path means`() async throws {
        let owner = Owner()
        let shown = try await self.answers(
            ["/iscsi/*/tpg1 set attribute authentication=1", "/iscsi/*:b/tpg? disable"], owner: owner)
        #expect(
            shown == [
                "[/iscsi/iqn.2023-04.com.example:a/tpg1]", "Parameter authentication is now '1'.",
                "[/iscsi/iqn.2023-04.com.example:b/tpg1]", "Parameter authentication is now '1'.",
                "[/iscsi/iqn.2023-04.com.example:b/tpg1]", "The TPGT has been disabled.",
            ])
        #expect(await owner.present.targets.map { $0.portalGroups[0].enable } == [true, false])
    }

    @Test func `a star alone lists every child, and ls takes wildcards too`() async throws {
        let ends = try await self.answers(["cd /backstores/ramdisk", "*", "ls /iscsi/*/tpg1/p* 1"])
            .map { String($0.prefix(40)) }
        #expect(
            ends == [
                "[/backstores/ramdisk/r1]", "o- r1 ..................................",
                "  o- alua ..............................", "    o- default_tg_pt_gp ................",
                "[/backstores/ramdisk/r2]", "o- r2 ..................................",
                "  o- alua ..............................", "    o- default_tg_pt_gp ................",
                "[/backstores/ramdisk/r10]", "o- r10 .................................",
                "  o- alua ..............................", "    o- default_tg_pt_gp ................",
                "o- portals .............................", "  o- 0.0.0.0:3260 ......................",
                "o- portals .............................", "  o- 0.0.0.0:3260 ......................",
            ])
    }

    @Test func `delete takes wildcards`() async throws {
        let luns = "/iscsi/iqn.2023-04.com.example:a/tpg1/luns"
        let shown = try await self.answers([
            "\(luns) create /backstores/ramdisk/r1", "\(luns) create /backstores/ramdisk/r2",
            "\(luns) delete lun*", "/iscsi/*/tpg1/portals delete *", "/backstores/ramdisk delete r1*",
            "/backstores/ramdisk delete r1*",
        ])
        #expect(
            shown == [
                "Created LUN 0.", "Created LUN 1.", "Deleted LUN 0.", "Deleted LUN 1.",
                "[/iscsi/iqn.2023-04.com.example:a/tpg1/portals]", "Deleted network portal 0.0.0.0:3260",
                "[/iscsi/iqn.2023-04.com.example:b/tpg1/portals]", "Deleted network portal 0.0.0.0:3260",
                "Deleted storage object r1.", "Deleted storage object r10.",
                "nothing here is called r1*; ls shows what is here",
            ])
    }

    @Test func `one goes to one place only`() async throws {
        let shown = try await transcript(Self.two + ["cd /iscsi/*:b/tpg1", "cd /iscsi/*"])
        #expect(shown.contains("> cd /iscsi/*\n/iscsi/* is 2 nodes: /iscsi/iqn.2023-04.com.example:a, "))
        #expect(shown.contains("/iscsi/iqn.20...xample:b/tpg1> cd /iscsi/*\n"))
    }

    @Test func `what was done before an error is told`() async throws {
        let shown = try await self.answers([
            "/iscsi/*:a/tpg1/portals create 10.0.0.1", "/iscsi/*/tpg1/portals delete 10.0.0.1:3260",
        ])
        #expect(
            shown.suffix(4) == [
                "[/iscsi/iqn.2023-04.com.example:a/tpg1/portals]", "Deleted network portal 10.0.0.1:3260",
                "[/iscsi/iqn.2023-04.com.example:b/tpg1/portals]",
                "Missing required parameter ip_port: delete ip_port=…",
            ])
    }
}
