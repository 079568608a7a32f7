// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Shell
import Testing

@Suite("Bookmarks and preferences")
struct PreferencesTests {
    private static func run(_ lines: [String], file: PreferencesFile?, owner: Owner = Owner()) async throws -> String {
        var session = ShellSession(backend: owner, version: "apus test", preferencesFile: file)
        var text = ""
        for line in lines {
            do {
                text += session.prompt + (try await session.run(line).text) + "\n"
            } catch {
                text += "\(error)\n"
            }
        }
        return text + session.prompt
    }

    @Test func `they are there again in the next run`() async throws {
        let path = NSTemporaryDirectory() + "apus-preferences-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = PreferencesFile(path: path)
        _ = try await Self.run(
            ["cd /backstores", "bookmarks add home", "set global prompt_length=10 tree_max_depth=1"], file: file)
        let second = try await Self.run(
            ["cd @home/ramdisk", "get global prompt_length tree_max_depth", "@home ls", "bookmarks add home"],
            file: file)
        #expect(second.contains("/ba...isk> prompt_length=10\ntree_max_depth=1\n"))
        #expect(second.contains("o- ramdisk ") && !second.contains("default_tg_pt_gp"))
        #expect(second.contains("Bookmark home already exists."))
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test func `two shells at once lose nothing of each other's`() async throws {
        let path = NSTemporaryDirectory() + "apus-preferences-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let file = PreferencesFile(path: path)
        var one = ShellSession(backend: Owner(), version: "apus test", preferencesFile: file)
        var other = ShellSession(backend: Owner(), version: "apus test", preferencesFile: file)
        _ = try await one.run("bookmarks add here")
        _ = try await other.run("bookmarks add there")
        #expect(try await Self.run(["bookmarks show"], file: file).contains("here  /\nthere  /\n"))
    }

    @Test func `a file that cannot be read is no reason to fail`() async throws {
        let path = NSTemporaryDirectory() + "apus-preferences-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data("{".utf8).write(to: URL(fileURLWithPath: path))
        #expect(try await Self.run(["bookmarks show"], file: PreferencesFile(path: path)).contains("No bookmarks yet."))
        let nowhere = PreferencesFile(path: "/nosuch/folder/file")
        #expect(
            try await Self.run(["bookmarks add a"], file: nowhere)
                .contains("your preferences cannot be kept in /nosuch/folder/file: No such file or directory"))
    }

    @Test func `LIO's preferences do what they say`() async throws {
        let shown = try await Self.run(
            [
                "/backstores/ramdisk create r1 16M",
                "set global auto_add_default_portal=false auto_enable_tpgt=false auto_add_mapped_luns=false",
                "/iscsi create iqn.2023-04.com.example:t", "set global auto_cd_after_create=true",
                "/iscsi/iqn.2023-04.com.example:t/tpg1/acls create iqn.2023-04.com.example:n",
                "../../luns create /backstores/ramdisk/r1", "ls /iscsi", "set global tree_show_root=false",
                "ls /backstores/ramdisk", "set global tree_status_mode=false tree_round_nodes=false",
                "ls /backstores/ramdisk",
            ], file: nil)
        #expect(shown.contains("Created TPG 1.\n\n/> Parameter auto_cd"))
        #expect(
            shown.contains("Entering new node /iscsi/iqn.2023-04.com.example:t/tpg1/acls/iqn.2023-04.com.example:n\n"))
        #expect(shown.contains("[disabled]") && shown.contains("[Portals: 0]") && shown.contains("[Mapped LUNs: 0]"))
        #expect(shown.contains("/luns/lun0\n"))
        #expect(shown.contains("> o- r1 .."))
        #expect(shown.contains("> +- r1\n  +- alua\n    +- default_tg_pt_gp\n"))
    }

    @Test func `back and forth through the places where one was`() async throws {
        let shown = try await Self.run(
            ["cd iscsi", "cd /backstores", "cd <", "cd <", "cd <", "cd >", "cd >", "cd >", "cd -"], file: nil)
        #expect(
            shown.split(separator: "\n").map(String.init) == [
                "/> ", "/iscsi> ", "/backstores> Taking you back to /iscsi.", "/iscsi> Taking you back to /.",
                "/> Reached begining of path history.", "/> Taking you back to /iscsi.",
                "/iscsi> Taking you back to /backstores.", "/backstores> Reached the end of path history.",
                "/backstores> ", "/iscsi> ",
            ])
    }
}
