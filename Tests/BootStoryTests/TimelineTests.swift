// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import Testing

@Suite("Timeline")
struct TimelineTests {
    /// UEFI, sanboot, as far as GRUB's reads.
    static func sanboot() -> Narrator {
        var pc = Narrator()
        pc.at(0, .discover(architecture: 7, isIPXE: false))
        pc.at(0.01, .offer(address: "10.77.0.52", bootFile: "snponly.efi"))
        pc.at(0.5, .transferred(file: "snponly.efi", service: "tftp", bytes: 174_080, seconds: 0.2))
        pc.at(3, .discover(architecture: 7, isIPXE: true))
        pc.at(3.02, .offer(address: "10.77.0.52", bootFile: "http://10.77.0.1:8080/pc1.ipxe"))
        pc.at(3.2, .script(method: "sanboot"))
        pc.at(3.4, .login(ipxe(1)))
        pc.at(3.5, .firstRead(session: 1))
        pc.at(9, .progress(session: 1, bytesRead: 25_400_000, bytesWritten: 0, idleSeconds: 0.5))
        return pc
    }

    @Test func `a whole boot by sanboot`() {
        var pc = Self.sanboot()
        pc.at(19, .discover(architecture: nil, isIPXE: false))
        pc.at(19.1, .acknowledged(address: "10.77.0.52", bootFile: nil))
        pc.at(20, .login(linux(2, isDiscovery: true)))
        pc.at(20.1, .login(linux(3)))
        pc.at(20.2, .firstRead(session: 3))
        pc.at(21, .logout(session: 1, reason: "connection reset", bytesRead: 25_500_000, bytesWritten: 0))
        pc.at(40, .progress(session: 3, bytesRead: 88_000_000, bytesWritten: 3_100_000, idleSeconds: 0.1))
        pc.at(41, .reported(.loginPrompt))
        #expect(
            pc.timeline(44) == """
                pc1  52:54:00:12:34:50  boot 1 of 2026-11-22 15:46:03 UTC  UEFI x86-64, sanboot
                    +0.0s    DHCP discover   by the firmware, UEFI x86-64
                    +0.0s    DHCP offer      10.77.0.52, boot file snponly.efi
                    +0.5s    boot file       snponly.efi, 174 kB by TFTP in 0.2 s (870 kB/s)
                    +3.0s    DHCP discover   by iPXE
                    +3.0s    DHCP offer      10.77.0.52, boot file http://10.77.0.1:8080/pc1.ipxe
                    +3.2s    boot script     method sanboot
                    +3.4s    firmware login  login by iPXE as iqn.2026-11.org.apus:pc1.initiator
                    +3.5s    firmware read   first read by iPXE
                    +9.0s    boot loader     reads kernel and initramfs from the disk
                   +19.0s    DHCP discover   by the operating system
                   +19.1s    DHCP offer      acknowledged: 10.77.0.52
                   +20.0s    kernel login    discovery by the Linux kernel as iqn.2026-11.org.apus:pc1.initiator
                   +20.1s    kernel login    login by the Linux kernel as iqn.2026-11.org.apus:pc1.initiator
                   +20.2s    kernel read     first read by the Linux kernel
                   +21.0s    firmware read   session of iPXE ended (connection reset): 25.5 MB read, 0 B written
                   +40.0s    root mounted    first write by the Linux kernel
                   +41.0s    up              login prompt
                     now    up, 113 MB read, 3.1 MB written, last I/O 3.0 s ago

                """)
    }

    @Test func `a boot by kernel and initramfs`() {
        var pc = Narrator()
        pc.at(0, .discover(architecture: 0, isIPXE: true))
        pc.at(0, .acknowledged(address: "10.77.0.52", bootFile: "http://10.77.0.1:8080/pc1.ipxe"))
        pc.at(1, .script(method: "kernel"))
        pc.at(2, .transferred(file: "/images/lab/vmlinuz", service: "http", bytes: 8_123_456, seconds: 0.5))
        pc.at(4, .transferred(file: "/images/lab/initrd.img", service: "http", bytes: 14_000_000, seconds: 1.25))
        pc.at(18, .login(linux(1)))
        pc.at(18, .firstRead(session: 1))
        #expect(
            pc.timeline(20) == """
                pc1  52:54:00:12:34:50  boot 1 of 2026-11-22 15:46:03 UTC  BIOS, kernel
                    +0.0s    DHCP discover   by iPXE
                    +0.0s    DHCP offer      acknowledged: 10.77.0.52, boot file http://10.77.0.1:8080/pc1.ipxe
                    +1.0s    boot script     method kernel
                    +2.0s    kernel          vmlinuz, 8.1 MB by HTTP in 0.5 s (16.2 MB/s)
                    +4.0s    initramfs       initrd.img, 14.0 MB by HTTP in 1.3 s (11.2 MB/s)
                   +18.0s    kernel login    login by the Linux kernel as iqn.2026-11.org.apus:pc1.initiator
                   +18.0s    kernel read     first read by the Linux kernel
                     now    running, 0 B read, 0 B written, last I/O 2.0 s ago

                """)
    }

    @Test func `what a proxy offers, what CHAP proved and what the system says of itself`() {
        var pc = Narrator()
        pc.at(0, .offer(address: nil, bootFile: "snponly.efi"))
        var facts = linux(1)
        facts.hasProvedItself = true
        pc.at(1, .login(facts))
        pc.at(
            2, .up(SystemTimes(kernelSeconds: 1.5, initrdSeconds: 2.25, userspaceSeconds: 61, failedUnits: 1)))
        let timeline = pc.timeline(3)
        #expect(timeline.contains("DHCP offer      as proxy: boot file snponly.efi\n"))
        #expect(timeline.contains("as iqn.2026-11.org.apus:pc1.initiator, which CHAP proved\n"))
        #expect(
            timeline.contains(
                "up              the system is up: kernel 1.5 s, initrd 2.3 s, userspace 61 s; 1 unit failed\n"))
    }

    @Test func `boots are counted, and a past one tells what it came to`() {
        var pc = Self.sanboot()
        pc.at(300, .discover(architecture: 7, isIPXE: false))
        #expect(pc.story.boots.map(\.number) == [1, 2])
        #expect(pc.story.boots[0].outcome.hasPrefix("stopped before kernel login: the boot loader read the disk"))
        #expect(pc.story.timeline(ofPast: pc.story.boots[0]).contains("boot 1 of"))
        var up = Self.sanboot()
        up.at(20, .login(linux(3)))
        #expect(up.story.boots[0].outcome == "came to kernel login")
        up.at(21, .reported(.up))
        #expect(up.story.boots[0].outcome == "up")
    }

    @Test func `amounts of I/O are not worth keeping, lines are`() throws {
        var pc = Self.sanboot()
        let before = try #require(pc.story.boots.last).mark
        pc.at(10, .progress(session: 1, bytesRead: 26_000_000, bytesWritten: 0, idleSeconds: 0))
        #expect(pc.story.boots.last?.mark == before)
        pc.at(11, .logout(session: 1, reason: "reset", bytesRead: 26_000_000, bytesWritten: 0))
        #expect(pc.story.boots.last?.mark != before)
    }

    @Test func `a machine nobody has seen`() {
        #expect(
            Narrator().timeline(0) == "pc1  52:54:00:12:34:50\n  nothing has been seen of it yet\n")
    }

    @Test func `repeats are counted, not listed`() {
        var pc = Narrator()
        for second in 0..<4 { pc.at(Double(second), .discover(architecture: 7, isIPXE: false)) }
        #expect(pc.story.boots.count == 1)
        #expect(pc.timeline(4).contains("by the firmware, UEFI x86-64  (4 times)"))
    }

    @Test(arguments: [true, false])
    func `firmware that is refused after a system ran was started anew`(isSessionEnded: Bool) {
        var pc = Narrator()
        pc.story.method = "firmware"
        pc.at(0, .discover(architecture: nil, isIPXE: false))
        pc.at(20, .discover(architecture: nil, isIPXE: false))
        pc.at(30, .login(linux(1)))
        #expect(pc.story.boots.count == 1)
        if isSessionEnded { pc.at(60, .logout(session: 1, reason: "over", bytesRead: 1, bytesWritten: 0)) }
        pc.at(90, .discover(architecture: nil, isIPXE: false))
        pc.at(91, .loginRefused(initiator: "iqn.a:pc1", reason: "CHAP: the secret is another"))
        pc.at(93, .discover(architecture: 7, isIPXE: false))
        #expect(pc.story.boots.count == 2)
        #expect(pc.story.boots.last?.refusal?.text.contains("CHAP: the secret is another") == true)
    }

    @Test func `firmware that asks again after the kernel ran begins another boot`() {
        var pc = Self.sanboot()
        pc.at(20, .login(linux(3)))
        pc.at(100, .logout(session: 3, reason: "logout", bytesRead: 1, bytesWritten: 1))
        #expect(pc.story.boots.last?.standing(at: Narrator.instant(101)) == .ended)
        pc.at(110, .discover(architecture: 7, isIPXE: false))
        pc.at(111, .discover(architecture: 7, isIPXE: true))
        #expect(pc.story.boots.count == 2)
    }

    @Test func `an operating system that renews its lease begins no boot`() {
        var pc = Self.sanboot()
        pc.at(20, .login(linux(3)))
        pc.at(1000, .discover(architecture: nil, isIPXE: false))
        #expect(pc.story.boots.count == 1)
    }

    @Test func `what is remembered has a bound`() {
        var pc = Narrator()
        for boot in 0..<20 {
            pc.at(Double(boot) * 1000, .discover(architecture: 7, isIPXE: false))
            for file in 0..<500 {
                pc.at(Double(boot) * 1000 + 1, .transferred(file: "f\(file)", service: "http", bytes: 1, seconds: 1))
            }
        }
        #expect(pc.story.boots.count == Limits.bootsPerMachine)
        #expect(pc.story.boots.last?.entries.count == Limits.entriesPerBoot)
        #expect(pc.story.boots.last?.omitted == 501 - Limits.entriesPerBoot)
        #expect(pc.story.boots.last?.entries.last?.text.hasPrefix("f499") == true)
        #expect(pc.story.boots.last?.entries.first?.stage == .discover)
    }
}
