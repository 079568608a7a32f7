// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Testing

@testable import BootStory

@Suite("Why a boot stopped")
struct DiagnosisTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var method = "sanboot"
        var sights: [Sight]
        var awaited: Stage
        var reason: String
        var remedy: String
        var testDescription: String { self.name }
    }

    private static let discover = Sight.discover(architecture: 7, isIPXE: false)
    private static let offer = Sight.offer(address: "10.0.0.5", bootFile: "snponly.efi")
    private static let program = Sight.transferred(file: "snponly.efi", service: "tftp", bytes: 174_080, seconds: 0.2)
    private static func refused(_ reason: String) -> [Sight] {
        [.script(method: "sanboot"), .loginRefused(initiator: "iqn.x", reason: reason)]
    }

    private static let system: [Sight] = [
        .discover(architecture: nil, isIPXE: false), .acknowledged(address: "10.0.0.5", bootFile: nil),
    ]

    @Test(arguments: [
        Case(
            name: "TFTP through a firewall",
            sights: [Self.discover, Self.offer]
                + Array(
                    repeating: .transferFailed(
                        file: "snponly.efi",
                        reason: "the client fell silent at block 1; 5 retransmissions got no answer"), count: 3),
            awaited: .bootFile, reason: "(3 times)", remedy: "--tftp-transfer-ports"),
        Case(
            name: "a proxy that is not listened to",
            sights: [Self.discover, .offer(address: nil, bootFile: "snponly.efi")], awaited: .bootFile,
            reason: "of proxyDHCP", remedy: "UDP port 4011"),
        Case(
            name: "a port of a switch that opens late",
            sights: (0..<8).flatMap { _ in [Self.discover, Self.offer] }, awaited: .bootFile, reason: "again and again",
            remedy: "portfast"),
        Case(
            name: "Secure Boot", sights: [Self.discover, Self.offer, Self.program, Self.program], awaited: .script,
            reason: "more than once", remedy: "--secure-boot"),
        Case(
            name: "a kernel that is not there", method: "kernel",
            sights: [
                .script(method: "kernel"),
                .transferFailed(file: "x/vmlinuz", reason: "cannot open /images/lab/vmlinuz: no such file"),
            ], awaited: .kernel, reason: "vmlinuz failed: cannot open", remedy: "apus image info"),
        Case(
            name: "not in the ACLs", sights: refused("initiator iqn.x is not in acls of iqn.t"),
            awaited: .firmwareLogin,
            reason: "initiator iqn.x is not in acls of iqn.t", remedy: "--initiator-name"),
        Case(
            name: "a wrong secret", sights: refused("CHAP: the initiator's secret is not the one configured"),
            awaited: .firmwareLogin, reason: "secret", remedy: "--chap USER:SECRET"),
        Case(
            name: "no such target", sights: refused("there is no target iqn.t"), awaited: .firmwareLogin,
            reason: "no target iqn.t", remedy: "apus client show"),
        Case(
            name: "another boot's address",
            sights: refused("the credentials of this boot of pc1 are good for 10.0.0.5 alone, not for 10.0.0.6"),
            awaited: .firmwareLogin, reason: "10.0.0.5 alone", remedy: "keeps the address"),
        Case(
            name: "the target is down",
            sights: [
                .script(method: "sanboot"),
                .notServed(reason: "its target is not served: nobody listens at 10.0.0.1:3260"),
            ], awaited: .firmwareLogin, reason: "nobody listens at 10.0.0.1:3260", remedy: "apus status"),
        Case(
            name: "a LUN that is never read", sights: [.script(method: "sanboot"), .login(ipxe(1))],
            awaited: .firmwareRead, reason: "read nothing", remedy: "LUN 0"),
        Case(
            name: "a disk without a boot loader",
            sights: [
                .script(method: "sanboot"), .login(ipxe(1)), .firstRead(session: 1),
                .progress(session: 1, bytesRead: 90_000, bytesWritten: 0, idleSeconds: 0),
            ], awaited: .bootLoader, reason: "found nothing to start", remedy: "BIOS or UEFI"),
        Case(
            name: "a kernel without the card's driver",
            sights: [
                .script(method: "sanboot"), .login(ipxe(1)), .firstRead(session: 1),
                .progress(session: 1, bytesRead: 25_000_000, bytesWritten: 0, idleSeconds: 0),
            ], awaited: .kernelLogin, reason: "no operating system logged in", remedy: "driver of the card"),
        Case(
            name: "an initramfs that does not log in",
            sights: [
                .script(method: "sanboot"), .login(ipxe(1)),
                .progress(session: 1, bytesRead: 25_000_000, bytesWritten: 0, idleSeconds: 0),
            ] + Self.system, awaited: .kernelLogin, reason: "has its address", remedy: "which step of iscsi-boot failed"
        ),
        Case(
            name: "arguments that an initramfs does not know", method: "kernel",
            sights: [
                .script(method: "kernel"), .transferred(file: "initrd.img", service: "http", bytes: 9, seconds: 1),
            ] + Self.system, awaited: .kernelLogin, reason: "nothing logged in", remedy: "kernel arguments"),
        Case(
            name: "edk2 and credentials of one boot", method: "firmware",
            sights: [
                .discover(architecture: nil, isIPXE: false),
                .refused(
                    reason:
                        "the firmware's own initiator takes no credentials by DHCP, and this machine's are made for each "
                        + "boot"),
            ], awaited: .offer, reason: "takes no credentials", remedy: "method sanboot"),
    ])
    func `each has its stage, its reason and its remedy`(_ story: Case) throws {
        var pc = Narrator()
        pc.story.method = story.method
        for (second, sight) in story.sights.enumerated() { pc.at(Double(second), sight) }
        let boot = try #require(pc.story.boots.last)
        guard case .stalled(let diagnosis) = boot.standing(at: Narrator.instant(1000)) else {
            Issue.record("\(boot.standing(at: Narrator.instant(1000)))")
            return
        }
        #expect(diagnosis.awaited == story.awaited)
        #expect(diagnosis.reason.contains(story.reason))
        #expect(diagnosis.remedy.contains(story.remedy))
    }

    @Test(arguments: Stage.allCases)
    func `silence after any stage has a reason`(_ stage: Stage) {
        let diagnosis = BootRecord(number: 1, begun: Narrator.instant(0)).diagnosis(after: stage)
        #expect(!diagnosis.reason.isEmpty && !diagnosis.remedy.isEmpty)
    }

    @Test func `a system is missed that told of its last start that it was up`() {
        var pc = Narrator()
        pc.at(0, .login(linux(1)))
        pc.at(5, .up(SystemTimes()))
        pc.at(90, .logout(session: 1, reason: "logout", bytesRead: 1, bytesWritten: 1))
        pc.at(100, .discover(architecture: 7, isIPXE: false))
        pc.at(110, .login(linux(2)))
        #expect(pc.story.boots[1].standing(at: Narrator.instant(300)) == .running)
        guard case .stalled(let diagnosis) = pc.story.boots[1].standing(at: Narrator.instant(411)) else {
            Issue.record("not missed")
            return
        }
        #expect(diagnosis.awaited == .up && diagnosis.reason.contains("as it did before"))
    }

    @Test func `stages are in order and have names of their own`() {
        #expect(Stage.allCases == Stage.allCases.sorted())
        #expect(Set(Stage.allCases.map(\.title)).count == Stage.allCases.count)
    }
}
