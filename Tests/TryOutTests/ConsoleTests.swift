// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Testing

@testable import TryOut

@Suite("Console")
struct ConsoleTests {
    @Test(arguments: [
        ("plain\r\n", ["plain"], ""),
        ("[\u{1b}[0;32m  OK  \u{1b}[0m] Reached\r\nnext", ["[  OK  ] Reached"], "next"),
        ("\u{1b}]0;title\u{07}x\n", ["x"], ""),
        ("\u{1b}]0;title\u{1b}\\x\n", ["x"], ""),
        ("\u{1b}(B\u{1b}[mroot@lab:~# ", [], "root@lab:~# "),
        ("\u{1b}[?2004lout\r\n\u{1b}[?2004h# ", ["out"], "# "),
        ("ab\u{08}c\n\n", ["ac", ""], ""),
        ("grün\n", ["grün"], ""),
    ])
    func `text is told from what colours and moves it, whole and byte by byte`(
        _ input: String, _ lines: [String], _ unfinished: String
    ) {
        var whole = ConsoleText()
        #expect(whole.received(input.utf8) == lines)
        #expect(whole.unfinished == unfinished)
        var dripped = ConsoleText()
        #expect(input.utf8.flatMap { dripped.received([$0]) } == lines)
        #expect(dripped.unfinished == unfinished)
    }

    @Test func `a line without end is cut`() {
        var text = ConsoleText()
        let lines = text.received([UInt8](repeating: UInt8(ascii: "x"), count: 10_000))
        #expect(lines.map(\.utf8.count) == [4096, 4096])
        #expect(text.unfinished.utf8.count == 10_000 - 8192)
    }

    @Test(arguments: [
        ("                             GNU GRUB  version 2.06", ConsoleSight.bootLoader),
        ("Loading vmlinuz and initrd.img ...", .bootLoader),
        ("[    0.000000] Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org)", .kernel),
        (
            "[    7.3] init-iscsi.sh[112]: iscsi-boot: attached LUN 0 of iqn.t at 10.77.0.1:3260 as /dev/sda",
            .attached("LUN 0 of iqn.t at 10.77.0.1:3260 as /dev/sda")
        ),
        (
            "[   18.1] init-iscsi.sh[112]: iscsi-boot: FAILED at step \"login\": iqn.t: authorization failure",
            .failure("FAILED at step \"login\": iqn.t: authorization failure")
        ),
        ("[    1.2] Kernel panic - not syncing: VFS", .failure("Kernel panic - not syncing: VFS")),
        ("No bootable device.", .failure("No bootable device")),
    ])
    func `a line shows a sight`(_ line: String, _ sight: ConsoleSight) {
        #expect(ConsoleSight(line: line) == sight)
    }

    @Test(arguments: [
        ("lab login: ", ConsoleSight.loginPrompt),
        ("lab login: [   27.849618] scsi host1: ata_piix", .loginPrompt),
        ("grub> ", .failure("the machine waits at \"grub>\"")),
        ("Shell> ", .failure("the machine waits at \"Shell>\"")),
    ])
    func `a line that goes on shows a sight`(_ line: String, _ sight: ConsoleSight) {
        #expect(ConsoleSight(unfinished: line) == sight)
    }

    @Test(arguments: [
        "lab login", "Last login: Sun Nov 22", " login: ", "[  OK  ] Reached target getty.target - Login Prompts.", "",
        "iscsi-boot: no login to iqn.t at 10.77.0.1:3260 yet: connection refused",
    ])
    func `other lines show nothing`(_ line: String) {
        #expect(ConsoleSight(line: line) == nil)
        #expect(ConsoleSight(unfinished: line) == nil)
    }
}

@Suite("Console session")
struct ConsoleSessionTests {
    private static func session() -> ConsoleSession { ConsoleSession(command: "findmnt -n /", password: "secret") }
    private static let typed =
        "printf '\\napus:%s\\n' output; (findmnt -n /) </dev/null; printf '\\napus:%s:%s\\n' status $?\r"

    @Test func `logs in, runs the command, and tells its output from its echo`() {
        var session = Self.session()
        #expect(session.opening == .send("root\r"))
        #expect(session.received(line: "lab login: root").isEmpty)
        #expect(session.received(unfinished: "Password: ") == [.send("secret\r")])
        #expect(session.received(line: "Linux lab 6.1.0 x86_64").isEmpty)
        #expect(!session.isRunningCommand)
        #expect(session.received(unfinished: "root@lab:~# ") == [.send(Self.typed)])
        #expect(session.isRunningCommand)
        #expect(session.received(line: "root@lab:~# " + Self.typed).isEmpty)
        #expect(session.received(unfinished: "root@lab:~# ").isEmpty)
        #expect(session.received(line: "").isEmpty)
        #expect(session.received(line: "apus:output").isEmpty)
        #expect(session.received(line: "/ /dev/sda2") == [.output("/ /dev/sda2")])
        #expect(session.received(line: "").isEmpty)
        #expect(session.received(line: "apus:status:3") == [.finished(status: 3)])
        #expect(session.received(line: "more").isEmpty)
    }

    @Test func `empty lines of the output are its own, the one before the mark is not`() {
        var session = Self.session()
        _ = session.received(unfinished: "root@lab:~# ")
        _ = session.received(line: "apus:output")
        #expect(session.received(line: "").isEmpty)
        #expect(session.received(line: "x") == [.output(""), .output("x")])
        #expect(session.received(line: "").isEmpty)
        #expect(session.received(line: "").isEmpty)
        #expect(session.received(line: "apus:status:0") == [.output(""), .finished(status: 0)])
    }

    @Test func `a password that is refused ends it`() {
        var session = Self.session()
        _ = session.received(unfinished: "Password: ")
        let effects = session.received(line: "Login incorrect")
        guard case .failed(let reason)? = effects.first else {
            Issue.record("it went on: \(effects)")
            return
        }
        #expect(reason.contains("--root-password"))
        #expect(session.received(unfinished: "root@lab:~# ").isEmpty)
    }
}
