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

    @Test func `lines and what came of them are in the log file, without secrets`() async throws {
        let path = NSTemporaryDirectory() + "apus-log-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        _ = try await Self.run(
            [
                "set global logfile=\(path)", "/iscsi create iqn.2023-04.com.example:t", "/iscsi create nosuch",
                "/iscsi set discovery_auth userid=u password=secret-of-mine",
                "set global loglevel_file=error", "ls", "/iscsi create nosuch",
            ], file: nil)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let lines = text.split(separator: "\n").map { $0.dropFirst("2026-11-27 12:00:00 ".count) }
        #expect(lines.first == "DEBUG /iscsi create iqn.2023-04.com.example:t")
        #expect(lines.contains("INFO Created target iqn.2023-04.com.example:t."))
        #expect(lines.count { $0.hasPrefix("ERROR WWN not valid") } == 2)
        #expect(lines.last?.hasPrefix("ERROR WWN not valid") == true && !lines.contains { $0.hasPrefix("DEBUG ls") })
        #expect(text.contains("password=(hidden)") && !text.contains("secret-of-mine"))
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    @Test func `the console's level leaves out what went well, but no listing`() async throws {
        let shown = try await Self.run(
            [
                "set global loglevel_console=warning", "/backstores/ramdisk create r1 16M", "ls /backstores/ramdisk",
                "set global loglevel_console=loud", "set global logfile=here",
            ], file: nil)
        #expect(!shown.contains("Created ramdisk") && shown.contains("o- r1 "))
        #expect(shown.contains("'loud' is not debug|info|warning|error|critical"))
        #expect(shown.contains("'here' is no absolute path"))
    }

    @Test func `back-ups and model names are as preferences say`() async throws {
        let owner = Owner()
        let shown = try await Self.run(
            [
                "get global max_backup_files", "set global max_backup_files=12", "get global max_backup_files",
                "set global max_backup_files=0", "set global max_backup_files=5 color_mode=true", "exit",
                "set global export_backstore_name_as_model=false", "/backstores/ramdisk create plain 16M",
                "/backstores/ramdisk/plain get attribute emulate_model_alias",
            ], file: nil, owner: owner)
        #expect(shown.contains("max_backup_files=100\n") && shown.contains("max_backup_files=12\n"))
        #expect(shown.contains("'0' is not a number from 1 to 10000"))
        #expect(shown.contains("max_backup_files is set by itself"))
        #expect(shown.contains("Last 12 configs saved in"))
        #expect(shown.contains("emulate_model_alias=0\n"))
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
