// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import Testing

@Suite("Standing")
struct StandingTests {
    struct Stall: Sendable {
        var sights: [Sight]
        var patienceSeconds: Double
        var awaited: Stage
        var words: String
    }

    static let untilScript: [Sight] = [
        .discover(architecture: 7, isIPXE: false), .offer(address: "10.0.0.5", bootFile: "snponly.efi"),
        .transferred(file: "snponly.efi", service: "tftp", bytes: 1, seconds: 1), .script(method: "kernel"),
    ]

    @Test(arguments: [
        ("firmware", Stage.firmwareLogin, "target from DHCP"), ("http", .initramfs, "HTTP without TLS"),
        ("sanboot", .bootFile, "UDP port 69"),
    ])
    func `after the offer each method needs something else`(_ method: String, _ awaited: Stage, _ words: String) throws
    {
        var pc = Narrator()
        pc.story.method = method
        pc.at(0, .discover(architecture: nil, isIPXE: false))
        pc.at(0, .offer(address: "10.0.0.5", bootFile: nil))
        let boot = try #require(pc.story.boots.last)
        guard case .stalled(let diagnosis) = boot.standing(at: Narrator.instant(25)) else {
            Issue.record("not stalled")
            return
        }
        #expect(diagnosis.awaited == awaited)
        #expect(diagnosis.remedy.contains(words))
    }

    @Test(arguments: [
        ("took the offer of another DHCP server, 10.0.0.2", "--dhcp proxy"),
        ("declined 10.0.0.5: another machine answers on that address", "out of the range"),
        ("snponly.efi is not installed (Debian's package ipxe)", "apt-get install"),
        ("the method firmware leaves this boot to the firmware's own iSCSI initiator, but its PXE asked", "menu"),
    ])
    func `a refused request has the remedy for its reason`(_ reason: String, _ remedy: String) {
        var pc = Narrator()
        pc.at(0, .discover(architecture: 7, isIPXE: false))
        pc.at(0, .refused(reason: reason))
        #expect(pc.timeline(9).contains("likely: no answer: \(reason)"))
        #expect(pc.timeline(9).split(separator: "\n").last?.contains(remedy) == true)
    }

    @Test func `what firmware tries after its disk has refused it does not hide the cause`() throws {
        var pc = Narrator()
        pc.at(0, .loginRefused(initiator: "iqn.x", reason: "CHAP: the initiator's secret is not the one configured"))
        for second in stride(from: 0.5, to: 9, by: 2) {
            pc.at(second, .discover(architecture: 7, isIPXE: false))
            pc.at(
                second, .refused(reason: "left to the firmware's own iSCSI initiator, but its PXE or HTTP Boot asked"))
        }
        guard case .stalled(let diagnosis) = try #require(pc.story.boots.first).standing(at: Narrator.instant(9)) else {
            Issue.record("not stalled")
            return
        }
        #expect(diagnosis.awaited == .firmwareLogin)
        #expect(diagnosis.remedy.contains("apus client set NAME --chap"))
    }

    @Test func `the next login of firmware that is the initiator begins the next boot`() {
        let edk2 = SessionFacts(
            id: 3, initiatorName: "iqn.x", isid: "125400123450", remoteAddress: "10.0.0.5:1024")
        var pc = Narrator()
        pc.at(0, .discover(architecture: nil, isIPXE: false))
        pc.at(1, .login(edk2))
        pc.at(30, .login(linux(4)))
        #expect(pc.story.boots.count == 1)
        pc.at(90, .login(edk2))
        #expect(pc.story.boots.count == 2)
    }

    @Test(arguments: [
        Stall(sights: Array(untilScript.prefix(1)), patienceSeconds: 6, awaited: .offer, words: "nothing was offered"),
        Stall(sights: Array(untilScript.prefix(2)), patienceSeconds: 25, awaited: .bootFile, words: "UDP port 69"),
        Stall(sights: Array(untilScript.prefix(3)), patienceSeconds: 40, awaited: .script, words: "Secure Boot"),
        Stall(sights: untilScript, patienceSeconds: 25, awaited: .kernel, words: "did not go on"),
        Stall(
            sights: untilScript + [.transferred(file: "vmlinuz", service: "http", bytes: 1, seconds: 1)],
            patienceSeconds: 25, awaited: .initramfs, words: "memory"),
        Stall(
            sights: untilScript + [.transferred(file: "initrd.img", service: "http", bytes: 1, seconds: 1)],
            patienceSeconds: 120, awaited: .kernelLogin, words: "console"),
        Stall(
            sights: [.script(method: "sanboot"), .login(ipxe(1))], patienceSeconds: 25, awaited: .firmwareRead,
            words: "LUN 0"),
        Stall(
            sights: [.script(method: "sanboot"), .login(ipxe(1)), .firstRead(session: 1)], patienceSeconds: 120,
            awaited: .kernelLogin, words: "GRUB"),
        Stall(sights: [.unknownMachine], patienceSeconds: 5, awaited: .script, words: "apus client add"),
        Stall(
            sights: [.script(method: "sanboot"), .loginRefused(initiator: "iqn.x", reason: "no ACL")],
            patienceSeconds: 5, awaited: .firmwareLogin, words: "no ACL"),
        Stall(
            sights: [.discover(architecture: 0, isIPXE: false), .refused(reason: "the range is used up")],
            patienceSeconds: 5, awaited: .offer, words: "used up"),
    ])
    func `a stalled boot names the stage, the likely reason and the remedy`(stall: Stall) throws {
        var pc = Narrator()
        for sight in stall.sights { pc.at(0, sight) }
        let boot = try #require(pc.story.boots.last)
        #expect(boot.standing(at: Narrator.instant(stall.patienceSeconds - 0.1)) == .progressing)
        guard case .stalled(let diagnosis) = boot.standing(at: Narrator.instant(stall.patienceSeconds)) else {
            Issue.record("not stalled")
            return
        }
        #expect(diagnosis.awaited == stall.awaited)
        #expect("\(diagnosis.reason) \(diagnosis.remedy)".contains(stall.words))
        #expect(pc.timeline(stall.patienceSeconds).contains("stopped before \(stall.awaited.title)"))
    }

    @Test(arguments: [
        (ipxe(1), Party.ipxe), (linux(1), .linux),
        (SessionFacts(id: 1, initiatorName: "i", isid: "125400123450", immediateData: true, remoteAddress: ""), .uefi),
        (SessionFacts(id: 1, initiatorName: "i", isid: "800000000001", immediateData: true, remoteAddress: ""), .other),
        (SessionFacts(id: 1, initiatorName: "i", isid: "800000000001", immediateData: false, remoteAddress: ""), .ipxe),
    ])
    func `initiators are told apart by what they send`(facts: SessionFacts, party: Party) {
        #expect(Party(facts, mac: "52:54:00:12:34:50") == party)
    }
}

@Suite("Chronicle")
struct ChronicleTests {
    @Test func `sights find their machine by address and by initiator name`() {
        var chronicle = Chronicle()
        let mac = "52:54:00:12:34:50"
        chronicle.configure([.init(name: "pc1", mac: mac, initiatorName: "iqn.x:pc1", targetName: "iqn.x:t1")])
        chronicle.received(.offer(address: "10.0.0.5", bootFile: nil), mac: mac, at: Narrator.instant(0))
        #expect(chronicle.mac(atAddress: "10.0.0.5") == mac)
        #expect(chronicle.mac(ofInitiator: "iqn.x:pc1") == mac)
        #expect(chronicle.mac(ofTarget: "iqn.x:t1") == mac)
        #expect(chronicle.story(ofClient: "pc1")?.boots.count == 1)
        chronicle.configure([])
        #expect(chronicle.story(ofClient: "pc1") == nil)
        #expect(chronicle.machines[mac]?.title == "\(mac)  (not configured)")
    }

    @Test func `unknown machines push each other out, never a configured one`() {
        var chronicle = Chronicle()
        chronicle.configure([.init(name: "pc1", mac: "m", initiatorName: "i", targetName: "t")])
        for number in 0...Limits.unknownMachines {
            chronicle.received(.unknownMachine, mac: "\(number)", at: Narrator.instant(Double(number)))
        }
        #expect(chronicle.machines.count == Limits.unknownMachines + 1)
        #expect(chronicle.machines["0"] == nil)
        #expect(chronicle.machines["m"] != nil)
    }
}

@Suite("Quantities")
struct QuantityTests {
    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (174_080, "174 kB"), (1_000_000, "1.0 MB"), (25_499_999, "25.4 MB"),
        (250_000_000, "250 MB"), (UInt64.max, "18.4 EB"),
    ])
    func bytes(count: UInt64, text: String) {
        #expect(Quantity.bytes(count) == text)
    }

    @Test(arguments: [
        (0, "1970-01-01 00:00:00 UTC"), (951_782_400_000, "2000-02-29 00:00:00 UTC"),
        (1_795_362_363_999, "2026-11-22 15:46:03 UTC"), (-1, "1969-12-31 23:59:59 UTC"),
    ])
    func moments(milliseconds: Int64, text: String) {
        #expect(Instant(milliseconds: milliseconds).description == text)
    }
}
