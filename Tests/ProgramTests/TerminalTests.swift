// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Testing

@Suite("apus shell on a terminal")
struct TerminalTests {
    /// The user's end of a pseudo-terminal.
    private final class Terminal: Sendable {
        let user: Int32
        let name: String

        init() throws {
            self.user = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY)
            var lock: Int32 = 0
            var number: Int32 = 0
            let isUnlocked = unsafe ioctl(self.user, Self.setLock, &lock) == 0
            try #require(isUnlocked)
            let isNumbered = unsafe ioctl(self.user, Self.getNumber, &number) == 0
            try #require(isNumbered)
            self.name = "/dev/pts/\(number)"
        }

        /// TIOCSPTLCK and TIOCGPTN of asm-generic/ioctls.h.
        private static let setLock: UInt = 0x4004_5431
        private static let getNumber: UInt = 0x8004_5430

        deinit { close(self.user) }

        func type(_ line: String) { self.press(line + "\n") }

        func press(_ keys: String) {
            _ = unsafe Array(keys.utf8).withUnsafeBytes { unsafe write(self.user, $0.baseAddress, $0.count) }
        }

        /// What the program has written, up to the first `end` after what was read before.
        func read(until end: String) -> String {
            var text: [UInt8] = []
            var byte: UInt8 = 0
            var wait = pollfd(fd: self.user, events: Int16(POLLIN), revents: 0)
            while unsafe poll(&wait, 1, 60_000) > 0, unsafe Foundation.read(self.user, &byte, 1) == 1 {
                text.append(byte)
                if text.suffix(end.utf8.count) == ArraySlice(end.utf8) { break }
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    /// Runs the shell on a terminal, which sends it signals where it `controls` it.
    private func start(
        _ place: Place, on terminal: Terminal, environment: [String: String] = [:], controls: Bool = false
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: controls ? "/usr/bin/setsid" : Program.path)
        process.arguments = (controls ? ["--ctty", "--wait", Program.path] : []) + ["shell"] + place.options
        process.environment = ["TERM": "dumb", "HOME": place.folder, "PATH": "/usr/bin:/bin"]
            .merging(environment) { _, own in own }
        let side = FileHandle(forUpdatingAtPath: terminal.name)
        process.standardInput = side
        process.standardOutput = side
        process.standardError = side
        try process.run()
        return process
    }

    /// Types each line at its prompt and returns what the program answered to each.
    private func dialogue(_ place: Place, _ lines: [(prompt: String, line: String)]) throws -> [String] {
        let terminal = try Terminal()
        let process = try self.start(place, on: terminal)
        var answers: [String] = []
        for (prompt, line) in lines {
            answers.append(terminal.read(until: prompt))
            terminal.type(line)
        }
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        // The terminal ends lines with CR LF, and shows what was typed: twice where it came before the editor was ready.
        return zip(lines, answers.dropFirst()).map { typed, answer in
            answer.replacingOccurrences(of: "\r", with: "").split(separator: "\n").dropLast()
                .drop { $0.hasSuffix(typed.line) }.joined(separator: "\n")
        }
    }

    @Test func `the document's session, typed as it stands, says what it shows`() throws {
        let place = try Place()
        let disk = place.folder + "/nvme0n1p4"
        #expect(FileManager.default.createFile(atPath: disk, contents: Data(count: 1 << 20)))
        let answers = try self.dialogue(
            place,
            [
                ("/> ", "cd backstores/block"),
                ("/backstores/block> ", "create dev=\(disk) name=sda"),
                ("/backstores/block> ", "cd /iscsi"),
                ("/iscsi> ", "create wwn=iqn.2023-04.com.example:server"),
                ("/iscsi> ", "cd iqn.2023-04.com.example:server/tpg1/acls"),
                ("/iscsi/iqn.20...ver/tpg1/acls> ", "create wwn=iqn.2023-04.com.example:node"),
                ("/iscsi/iqn.20...ver/tpg1/acls> ", "cd /iscsi/iqn.2023-04.com.example:server/tpg1/luns"),
                ("/iscsi/iqn.20...ver/tpg1/luns> ", "create /backstores/block/sda"),
                ("/iscsi/iqn.20...ver/tpg1/luns> ", "cd /"),
                ("/> ", "ls /iscsi"),
                ("/> ", "exit"),
            ])
        let listing = try Program.run(["shell", "ls", "/iscsi"] + place.options).output
        let expected = [
            "", "Created block storage object sda using \(disk).", "",
            """
            Created target iqn.2023-04.com.example:server.
            Created TPG 1.
            Global pref auto_add_default_portal=true
            Created default portal listening on all IPs (0.0.0.0), port 3260.
            """,
            "", "Created Node ACL for iqn.2023-04.com.example:node", "",
            """
            Created LUN 0.
            Created LUN 0->0 mapping in node ACL iqn.2023-04.com.example:node
            """,
            "", listing.trimmingCharacters(in: .newlines),
        ]
        #expect(answers == expected)
        #expect(FileManager.default.fileExists(atPath: place.folder + "/.apus_history"))
    }

    @Test func `CHAP is set as LIO's administrators set it, one-way, mutual and for discovery`() throws {
        let place = try Place()
        let group = "/iscsi/iqn.2023-04.com.example:t/tpg1"
        for line in [
            "/iscsi create iqn.2023-04.com.example:t", "\(group)/acls create iqn.2023-04.com.example:n",
        ] {
            _ = try Program.run(["shell"] + line.split(separator: " ").map(String.init) + place.options)
        }
        let answers = try self.dialogue(
            place,
            [
                ("/> ", "cd iscsi"),
                ("/iscsi> ", "set discovery_auth enable=1 userid=finder password=secret-of-finder"),
                ("/iscsi> ", "set discovery_auth mutual_userid=target mutual_password=secret-of-target"),
                ("/iscsi> ", "get discovery_auth"),
                ("/iscsi> ", "status"),
                ("/iscsi> ", "cd iqn.2023-04.com.example:t/tpg1"),
                ("xample:t/tpg1> ", "set attribute authentication=1"),
                ("xample:t/tpg1> ", "acls/iqn.2023-04.com.example:n status"),
                ("xample:t/tpg1> ", "acls/iqn.2023-04.com.example:n set auth userid=node password=secret-of-node"),
                ("xample:t/tpg1> ", "acls/iqn.2023-04.com.example:n status"),
                ("xample:t/tpg1> ", "acls/* set auth mutual_userid=target mutual_password=secret-of-node"),
                ("xample:t/tpg1> ", "acls/* set auth mutual_userid=target mutual_password=secret-of-target"),
                ("xample:t/tpg1> ", "acls/iqn.2023-04.com.example:n status"),
                ("xample:t/tpg1> ", "set attribute authentication=0 generate_node_acls=1"),
                ("xample:t/tpg1> ", "status"),
                ("xample:t/tpg1> ", "exit"),
            ])
        let acl = "\(group)/acls/iqn.2023-04.com.example:n"
        #expect(
            answers == [
                "",
                """
                Parameter enable is now '1'.
                Parameter password is now '(hidden)'.
                Parameter userid is now 'finder'.
                """,
                """
                Parameter mutual_password is now '(hidden)'.
                Parameter mutual_userid is now 'target'.
                """,
                """
                enable=1
                mutual_password=(hidden)
                mutual_userid=target
                password=(hidden)
                userid=finder
                """,
                "Status for /iscsi: mutual disc auth, Targets: 1", "",
                """
                Parameter authentication is now '1'.
                Warning: iqn.2023-04.com.example:n has to prove itself, and \
                nothing is set to prove it by; set auth userid=… password=… in acls/iqn.2023-04.com.example:n
                """,
                "Status for \(acl): 1-way auth, Mapped LUNs: 0",
                """
                Parameter password is now '(hidden)'.
                Parameter userid is now 'node'.
                """,
                "Status for \(acl): 1-way auth, Mapped LUNs: 0",
                """
                [\(acl)]
                the same secret in both directions proves nothing; \
                choose another one for the target
                """,
                """
                [\(acl)]
                Parameter mutual_password is now '(hidden)'.
                Parameter mutual_userid is now 'target'.
                """,
                "Status for \(acl): mutual auth, Mapped LUNs: 0",
                """
                Parameter authentication is now '0'.
                Parameter generate_node_acls is now '1'.
                """,
                "Status for \(group): gen-acls, no-auth",
            ])
        let file = String(decoding: try Data(contentsOf: URL(fileURLWithPath: place.configuration)), as: UTF8.self)
        #expect(file.contains("secret-of-target") && file.contains("secret-of-finder"))
    }

    @Test func `cd lets one choose with the arrow keys, in colours, and bookmarks stay`() throws {
        let place = try Place()
        let terminal = try Terminal()
        let process = try self.start(place, on: terminal, environment: ["TERM": "xterm"])
        _ = terminal.read(until: "/> ")
        terminal.type("cd")
        // The line that is chosen stands in reverse video.
        #expect(terminal.read(until: "\u{1B}[J").contains("\u{1B}[7mo- / ..."))
        terminal.press("\u{1B}[B")
        #expect(terminal.read(until: "\u{1B}[J").contains("\u{1B}[7m  o- backstores ..."))
        terminal.press("\u{1B}[6~\u{1B}[A\u{1B}[B\r")
        _ = terminal.read(until: "/iscsi> ")
        terminal.type("bookmarks add here")
        _ = terminal.read(until: "/iscsi> ")
        terminal.type("cd")
        _ = terminal.read(until: "\u{1B}[J")
        terminal.press("q")
        _ = terminal.read(until: "/iscsi> ")
        terminal.type("ls")
        #expect(terminal.read(until: "/iscsi> ").contains("\u{1B}[1;4;34miscsi\u{1B}[0m"))
        terminal.type("exit")
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let second = try self.start(place, on: terminal, environment: ["TERM": "xterm", "NO_COLOR": "1"])
        _ = terminal.read(until: "/> ")
        terminal.type("@here ls")
        #expect(!terminal.read(until: "/> ").contains("\u{1B}[1;4"))
        terminal.type("cd @here")
        #expect(terminal.read(until: "/iscsi> ").hasSuffix("/iscsi> "))
        terminal.type("exit")
        second.waitUntilExit()
        #expect(second.terminationStatus == 0)
    }

    @Test func `^C drops the line, and what was typed before it does nothing`() throws {
        let place = try Place()
        let terminal = try Terminal()
        let process = try self.start(place, on: terminal, controls: true)
        _ = terminal.read(until: "/> ")
        terminal.press("/backstores/ramdisk create half 1M")
        // What is typed is shown, so that it has come.
        #expect(terminal.read(until: "half 1M").hasSuffix("half 1M"))
        for _ in 0..<2 {
            terminal.press("\u{3}")
            #expect(terminal.read(until: "/> ").split(whereSeparator: \.isNewline).last == "/> ")
        }
        terminal.type("/backstores/ramdisk create whole 1M")
        #expect(terminal.read(until: "Created ramdisk whole").hasSuffix("Created ramdisk whole"))
        _ = terminal.read(until: "/> ")
        terminal.type("exit")
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let names = try Program.run(["shell", "ls", "/backstores/ramdisk"] + place.options).output
        #expect(names.contains("whole") && !names.contains("half"))
    }

    @Test func `a script ends at its first error, unless told to go on`() throws {
        let place = try Place()
        let script = "/backstores/ramdisk create a 1M\nbogus\n/backstores/ramdisk create b 1M\n"
        for (options, names, status) in [([], ["a"], Int32(1)), (["--keep-going"], ["a", "b"], 1)] {
            let input = Pipe()
            let process = Process()
            process.executableURL = URL(fileURLWithPath: Program.path)
            process.arguments = ["shell"] + options + place.options
            process.standardInput = input
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            try input.fileHandleForWriting.write(contentsOf: Data(script.utf8))
            try input.fileHandleForWriting.close()
            process.waitUntilExit()
            #expect(process.terminationStatus == status)
            let listing = try Program.run(["shell", "ls", "/backstores/ramdisk", "1"] + place.options).output
            for name in names { #expect(listing.contains("o- \(name) ")) }
            #expect(listing.contains("Storage Objects: \(names.count)"))
            _ = try Program.run(["shell", "clearconfig", "confirm=true"] + place.options)
        }
    }

    @Test func `called targetcli it is the shell`() throws {
        let place = try Place()
        let link = place.folder + "/targetcli"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: Program.path)
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: link)
        process.arguments = ["pwd"] + place.options
        process.standardOutput = output
        try process.run()
        process.waitUntilExit()
        #expect(String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self) == "/\n")
    }
}
