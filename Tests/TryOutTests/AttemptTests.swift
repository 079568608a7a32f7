// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import Testing

@testable import TryOut

@Suite("Attempt")
struct AttemptTests {
    private static let started = Instant(milliseconds: 1_000_000)

    private static func at(_ seconds: Double) -> Instant { self.started.adding(seconds: seconds) }

    private static func attempt(_ goal: TryOutOptions.Goal = .stage(.login)) -> Attempt {
        Attempt(goal: goal, timeoutSeconds: 200, started: self.started)
    }

    private static func story(_ sights: [(Sight, Double)]) -> MachineStory {
        var story = MachineStory(mac: "52:54:00:12:34:56", client: "pc1")
        for (sight, seconds) in sights { story.received(sight, at: self.at(seconds)) }
        return story
    }

    @Test(arguments: [
        (ConsoleStage.loader, "GNU GRUB  version 2.06"), (.loader, "[ 0.0] Linux version 6.1"),
        (.kernel, "[ 0.0] Linux version 6.1"), (.disk, "iscsi-boot: attached LUN 0 as /dev/sda"),
    ])
    func `a stage before the login prompt ends it at once`(_ stage: ConsoleStage, _ line: String) {
        var attempt = Self.attempt(.stage(stage))
        #expect(attempt.received(console: Array("BdsDxe: starting\n".utf8), at: Self.at(1)).isEmpty)
        let effects = attempt.received(console: Array("\(line)\r\n".utf8), at: Self.at(4))
        #expect(effects.last == .switchOff)
        #expect(attempt.machineEnded(at: Self.at(5)) == [.end(.reached(afterSeconds: 4))])
    }

    @Test func `an earlier stage does not end it`() {
        var attempt = Self.attempt(.stage(.kernel))
        let effects = attempt.received(console: Array("GNU GRUB\r\n".utf8), at: Self.at(4))
        #expect(effects == [.show("    +4.0s    console         GRUB\n")])
    }

    @Test func `the login prompt ends it cleanly`() {
        var attempt = Self.attempt()
        #expect(
            attempt.received(console: Array("GNU GRUB  version 2.06\r\n".utf8), at: Self.at(10))
                == [.show("   +10.0s    console         GRUB\n")])
        #expect(
            attempt.received(console: Array("\r\nlab lo".utf8), at: Self.at(40)).isEmpty)
        #expect(
            attempt.received(console: Array("gin: ".utf8), at: Self.at(40.5)) == [
                .show("   +40.5s    console         login prompt\n"), .reportLoginPrompt, .pressCtrlAltDelete,
            ])
        #expect(attempt.received(console: Array("lab login: ".utf8), at: Self.at(41)).isEmpty)
        #expect(attempt.machineEnded(at: Self.at(44)) == [.end(.reached(afterSeconds: 40.5))])
        #expect(attempt.machineEnded(at: Self.at(45)).isEmpty)
    }

    @Test func `a prompt whose line the kernel ended is one, too`() {
        var attempt = Self.attempt()
        let effects = attempt.received(
            console: Array("lab login: [ 27.8] scsi host1: ata_piix\r\n".utf8), at: Self.at(40))
        #expect(effects.contains(.reportLoginPrompt))
    }

    @Test func `a machine that does not shut down is switched off`() {
        var attempt = Self.attempt()
        _ = attempt.received(console: Array("lab login: ".utf8), at: Self.at(40))
        #expect(attempt.tick(at: Self.at(40 + Attempt.stoppingSeconds - 1)).isEmpty)
        #expect(attempt.tick(at: Self.at(40 + Attempt.stoppingSeconds)).last == .switchOff)
        #expect(attempt.machineEnded(at: Self.at(90)) == [.end(.reached(afterSeconds: 40))])
    }

    @Test func `firmware that is refused its disk and goes on to nothing ends it`() {
        let refused: [(Sight, Double)] = [
            (.discover(architecture: 7, isIPXE: false), 4),
            (.loginRefused(initiator: "iqn.a:pc1", reason: "CHAP: the secret is another"), 8),
            (.discover(architecture: 7, isIPXE: false), 10),
        ]
        var attempt = Self.attempt()
        _ = attempt.received(Self.story(refused), at: Self.at(10))
        #expect(attempt.tick(at: Self.at(8 + Attempt.refusedSeconds - 1)).isEmpty)
        #expect(attempt.tick(at: Self.at(8 + Attempt.refusedSeconds)) == [.switchOff])
        guard case .end(.failed(let reason)) = attempt.machineEnded(at: Self.at(30)).first else {
            return #expect(Bool(false), "it did not end as failed")
        }
        #expect(reason.contains("CHAP: the secret is another"))
    }

    @Test func `the entries of the timeline are told once each, on the attempt's clock`() {
        var attempt = Self.attempt()
        let first: [(Sight, Double)] = [(.discover(architecture: 7, isIPXE: false), 4)]
        #expect(
            attempt.received(Self.story(first), at: Self.at(4)) == [
                .show("    +4.0s    DHCP discover   by the firmware, UEFI x86-64\n")
            ])
        #expect(attempt.received(Self.story(first), at: Self.at(5)).isEmpty)
        let second = first + [(.offer(address: "10.77.0.61", bootFile: "snponly.efi"), 4.5)]
        #expect(
            attempt.received(Self.story(second), at: Self.at(5)) == [
                .show("    +4.5s    DHCP offer      10.77.0.61, boot file snponly.efi\n")
            ])
    }

    @Test func `a boot of before the attempt is not this one`() {
        var attempt = Self.attempt()
        let story = Self.story([(.discover(architecture: 7, isIPXE: false), -60)])
        #expect(attempt.received(story, at: Self.at(1)).isEmpty)
    }

    @Test func `what the console says has failed is named, and the machine switched off`() {
        var attempt = Self.attempt()
        let line = "init-iscsi.sh[1]: iscsi-boot: FAILED at step \"login\": refused\r\n"
        #expect(attempt.received(console: Array(line.utf8), at: Self.at(30)).last == .switchOff)
        #expect(
            attempt.machineEnded(at: Self.at(31)) == [
                .end(.failed("not reached: the login prompt; the console says: FAILED at step \"login\": refused"))
            ])
    }

    @Test func `no sign of life is a freeze, a sign puts it off`() {
        var attempt = Self.attempt()
        #expect(attempt.tick(at: Self.at(Attempt.frozenSeconds - 1)).isEmpty)
        _ = attempt.received(console: [UInt8(ascii: ".")], at: Self.at(70))
        #expect(attempt.tick(at: Self.at(70 + Attempt.frozenSeconds - 1)).isEmpty)
        #expect(attempt.tick(at: Self.at(70 + Attempt.frozenSeconds)) == [.switchOff])
        #expect(
            attempt.machineEnded(at: Self.at(146)) == [
                .end(.frozen("not reached: DHCP; the machine asked for nothing"))
            ])
    }

    @Test func `time over names the stage that did not come, its reason and its remedy`() {
        var attempt = Self.attempt()
        _ = attempt.received(Self.story([(.discover(architecture: 7, isIPXE: false), 4)]), at: Self.at(4))
        _ = attempt.received(console: [UInt8(ascii: ".")], at: Self.at(199))
        #expect(attempt.tick(at: Self.at(200)) == [.switchOff])
        guard case .end(.failed(let reason))? = attempt.machineEnded(at: Self.at(201)).first else {
            Issue.record("it did not fail")
            return
        }
        #expect(reason.hasPrefix("not reached: DHCP offer; "))
        #expect(reason.hasSuffix("; time is over"))
    }

    @Test func `a machine that ends by itself before its prompt has failed`() {
        var attempt = Self.attempt()
        guard case .end(.failed(let reason))? = attempt.machineEnded(at: Self.at(5)).first else {
            Issue.record("it did not fail")
            return
        }
        #expect(reason.contains("switched itself off"))
    }

    @Test func `a command is run at the prompt, its output told and its status returned`() {
        var attempt = Self.attempt(.command("id", password: "secret"))
        func hear(_ text: String, _ seconds: Double) -> [Attempt.Effect] {
            attempt.received(console: Array(text.utf8), at: Self.at(seconds))
        }
        #expect(hear("lab login: ", 40).last == .send("root\r"))
        #expect(hear("root\r\nPassword: ", 41) == [.send("secret\r")])
        #expect(hear("\r\nroot@lab:~# ", 42).count == 1)
        #expect(
            hear("printf ...\r\napus:output\r\nuid=0(root)\r\n\r\napus:status:4\r\n# ", 43) == [
                .output("uid=0(root)"), .pressCtrlAltDelete,
            ])
        #expect(attempt.machineEnded(at: Self.at(46)) == [.end(.command(status: 4))])
    }

    @Test func `a command that switches the machine off has done what it should`() {
        var attempt = Self.attempt(.command("poweroff", password: "secret"))
        for text in ["lab login: ", "root\r\nPassword: ", "\r\nroot@lab:~# "] {
            _ = attempt.received(console: Array(text.utf8), at: Self.at(40))
        }
        #expect(attempt.machineEnded(at: Self.at(45)) == [.end(.command(status: 0))])
    }

    @Test func `a console is the user's: nothing is shown, timed or ended by us`() {
        var attempt = Self.attempt(.console)
        #expect(attempt.received(console: Array("lab login: ".utf8), at: Self.at(40)) == [.reportLoginPrompt])
        #expect(attempt.received(console: Array("\r\nKernel panic - x\r\n".utf8), at: Self.at(41)).isEmpty)
        #expect(attempt.tick(at: Self.at(10_000)).isEmpty)
        #expect(attempt.machineEnded(at: Self.at(10_001)) == [.end(.command(status: 0))])
    }
}
