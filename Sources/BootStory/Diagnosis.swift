// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Where a boot stands at some moment.
package enum Standing: Hashable, Sendable {
    /// Something was seen of it not long ago.
    case progressing
    /// The operating system's session is alive; whether a prompt shows, nobody has told.
    case running
    /// A login prompt or the operating system itself was heard of.
    case up
    /// Nothing has been seen for longer than the stage takes.
    case stalled(Diagnosis)
    /// The operating system's session has ended.
    case ended
}

/// Why a boot does not go on, as far as the stage that it stopped at tells.
package struct Diagnosis: Hashable, Sendable, Codable {
    /// What should have come next.
    package var awaited: Stage
    package var reason: String
    package var remedy: String
}

extension BootRecord {
    package func standing(at now: Instant) -> Standing {
        if self.liveSystemSession != nil {
            return self.stage == .up ? .up : .running
        }
        if self.sessions.contains(where: { $0.party == .linux }) { return .ended }
        let stage = self.stage ?? .discover
        // What firmware tries next, once its disk has refused it, only hides the cause.
        if let refusal = self.entries.last(where: { $0.isTrouble && $0.stage == .firmwareLogin }),
            self.sessions.isEmpty,
            now.seconds(since: refusal.last) >= 5
        {
            return .stalled(Self.diagnosis(of: refusal))
        }
        let quiet = now.seconds(since: self.lastActivity)
        if let trouble = self.entries.last, trouble.isTrouble, quiet >= 5 {
            return .stalled(Self.diagnosis(of: trouble))
        }
        let patience = Self.patience(after: stage)
        return quiet < patience ? .progressing : .stalled(self.diagnosis(after: stage))
    }

    /// How many seconds of silence after a stage are still usual, for a slow (emulated) machine.
    private static func patience(after stage: Stage) -> Double {
        switch stage {
        case .discover: 6
        case .offer: 25
        // iPXE waits up to 13 s for an IPv6 router and 3 s for a proxy before it goes on.
        case .bootFile: 40
        case .script, .kernel, .firmwareLogin: 25
        // The kernel unpacks its initramfs, finds its card and its address.
        case .initramfs, .firmwareRead: 120
        case .kernelLogin, .kernelRead, .up: 60
        }
    }

    private static func diagnosis(of trouble: Entry) -> Diagnosis {
        if let known = Self.remedies.first(where: { trouble.text.contains($0.mark) }) {
            return Diagnosis(awaited: trouble.stage, reason: trouble.text, remedy: known.remedy)
        }
        let remedy =
            switch trouble.stage {
            case .discover, .offer: "see that the machine is configured: apus client list"
            case .bootFile: "see that Debian's package ipxe is installed on this host: apt-get install ipxe"
            case .script: "add it: apus client add NAME --mac MAC --image IMAGE"
            case .kernel, .initramfs: "see that the image has its kernel and initramfs: apus image info IMAGE"
            default: "compare the initiator's name with: apus client show NAME"
            }
        return Diagnosis(awaited: trouble.stage, reason: trouble.text, remedy: remedy)
    }

    /// What is to be done about DHCP requests that were refused, by words of the reason.
    private static let remedies: [(mark: String, remedy: String)] = [
        ("another DHCP server", "turn that server off, or leave the addresses to it: apus services set --dhcp proxy"),
        (
            "firmware's own iSCSI initiator",
            "set up iSCSI in the firmware's menu (target from DHCP) and put it first, or use the method sanboot"
        ),
        ("its HTTP Boot asked", "put PXE first in the firmware's menu"),
        (
            "CHAP",
            "give the firmware the name and secret of the machine's entry: apus client set NAME --chap USER:SECRET sets another"
        ),
        (
            "without authentication",
            "turn CHAP on in the firmware's menu, with the name and secret of the machine's entry"
        ),
        ("is not installed", "install the package that is named on this host: apt-get install PACKAGE"),
        ("no free address", "give out more addresses: apus services set --dhcp FIRST-LAST/PREFIX"),
        ("answers on that address", "find the machine that has the address, or keep it out of the range"),
        (
            "without a range of addresses",
            "give its network addresses: apus services set --relayed FIRST-LAST/PREFIX,ROUTER"
        ),
    ]

    private func diagnosis(after stage: Stage) -> Diagnosis {
        switch stage {
        case .discover:
            Diagnosis(
                awaited: .offer, reason: "the machine asked for an address and nothing was offered",
                remedy: "see that DHCP is on (apus services show) and that the interface is the machine's network")
        case .offer where self.method == "firmware":
            Diagnosis(
                awaited: .firmwareLogin, reason: "the firmware has its address but did not log in to its disk",
                remedy:
                    "open the iSCSI port (3260) to this host, and see that the firmware's iSCSI takes its target from DHCP"
            )
        case .offer where self.method == "http":
            Diagnosis(
                awaited: .initramfs, reason: "the firmware was told its program's URL but did not fetch it",
                remedy: "open the HTTP port to this host, and allow HTTP without TLS in the firmware's menu")
        case .offer:
            Diagnosis(
                awaited: .bootFile, reason: "the machine took no boot file after the offer",
                remedy: "open UDP port 69 to this host, and see that no other DHCP server answers with a boot file")
        case .bootFile:
            Diagnosis(
                awaited: .script, reason: "iPXE was loaded but did not ask for its script",
                remedy: "open the HTTP port to this host, and turn Secure Boot off: this iPXE is not signed")
        case .bootFile
        where self.method == "kernel" && self.entries.contains(where: { $0.text.hasPrefix("grubx64.efi") }):
            Diagnosis(
                awaited: .script, reason: "GRUB was loaded but did not ask for its script",
                remedy: "read the machine's screen: GRUB needs the address that PXE got")
        case .script:
            Diagnosis(
                awaited: self.method == "kernel" ? .kernel : .firmwareLogin,
                reason: "the boot script was fetched but the machine did not go on",
                remedy: "open the iSCSI port (3260) to this host and read the machine's screen")
        case .kernel:
            Diagnosis(
                awaited: .initramfs, reason: "the kernel was fetched but not the initramfs",
                remedy: "give the machine more memory, or read its screen")
        case .initramfs:
            Diagnosis(
                awaited: .kernelLogin, reason: "kernel and initramfs were fetched but nothing logged in",
                remedy: "read the machine's console: its card's driver or address may be missing in the initramfs")
        case .firmwareLogin:
            Diagnosis(
                awaited: .firmwareRead, reason: "the firmware logged in but read nothing",
                remedy: "see that the target has LUN 0: apus status")
        case .firmwareRead:
            Diagnosis(
                awaited: .kernelLogin,
                reason: "the boot loader read the disk but no operating system logged in",
                remedy: "read the machine's console: GRUB may wait for a key, or the initramfs could not log in")
        case .kernelLogin, .kernelRead, .up:
            Diagnosis(
                awaited: .kernelRead, reason: "the operating system logged in but read nothing",
                remedy: "read the machine's console: the root file system may not have been found")
        }
    }
}
