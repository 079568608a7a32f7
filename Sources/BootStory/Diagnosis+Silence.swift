// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Why a machine that is not heard of any more stopped, by what was seen of it last.
struct KnownSilence: Sendable {
    var after: Set<Stage>
    /// What else must be so; nil for nothing.
    var condition: (@Sendable (BootRecord) -> Bool)?
    var awaited: Stage
    var reason: String
    var remedy: String

    init(
        after: Set<Stage>, _ awaited: Stage, if condition: (@Sendable (BootRecord) -> Bool)? = nil, _ reason: String,
        _ remedy: String
    ) {
        self.after = after
        self.condition = condition
        self.awaited = awaited
        self.reason = reason
        self.remedy = remedy
    }

    /// The first that fits is taken.
    static let all = Self.dhcp + Self.files + Self.disk

    private static let dhcp: [KnownSilence] = [
        KnownSilence(
            after: [.discover], .offer, "the machine asked for an address and nothing was offered",
            "see that DHCP is on (apus services show) and that the interface is the machine's network"),
        KnownSilence(
            after: [.offer], .firmwareLogin, if: { $0.method == "firmware" },
            "the firmware has its address but did not log in to its disk",
            "open the iSCSI port (3260) to this host, and see that the firmware's iSCSI takes its target from DHCP"),
        KnownSilence(
            after: [.offer], .initramfs, if: { $0.method == "http" },
            "the firmware was told its program's URL but did not fetch it",
            "open the HTTP port to this host, and allow HTTP without TLS in the firmware's menu"),
        KnownSilence(
            after: [.offer], .bootFile, if: \.wasOfferedByProxyAlone,
            "the machine did not take the boot file of proxyDHCP",
            "see that the DHCP server beside names no boot file of its own (its options 66 and 67) and that UDP port 4011 is "
                + "open; firmware that ignores proxies needs its addresses from here: apus services set --dhcp "
                + "FIRST-LAST/PREFIX"),
        KnownSilence(
            after: [.offer], .bootFile, if: { $0.fetches(ofStage: .offer) >= 6 },
            "the machine asked for an address again and again and took no boot file",
            "see that the offers reach it (a switch port may open only after 30 s: turn on portfast), and that no other DHCP "
                + "server answers with a boot file"),
        KnownSilence(
            after: [.offer], .bootFile, "the machine took no boot file after the offer",
            "open UDP port 69 to this host, and see that no other DHCP server answers with a boot file"),
    ]

    private static let files: [KnownSilence] = [
        KnownSilence(
            after: [.bootFile], .script, if: { $0.method == "kernel" && $0.hasFetched("grubx64.efi") },
            "GRUB was loaded but did not ask for its script",
            "read the machine's screen: GRUB needs the address that PXE got"),
        KnownSilence(
            after: [.bootFile], .script, if: { $0.fetches(ofStage: .bootFile) >= 2 },
            "the firmware fetched its boot program more than once and did not start it",
            "turn Secure Boot off, for iPXE is not signed, or use the method kernel with --secure-boot"),
        KnownSilence(
            after: [.bootFile], .script, "iPXE was loaded but did not ask for its script",
            "open the HTTP port to this host, and turn Secure Boot off: this iPXE is not signed"),
        KnownSilence(
            after: [.script], .kernel, if: { $0.method == "kernel" },
            "the boot script was fetched but the machine did not go on",
            "open the HTTP port and UDP port 69 to this host and read the machine's screen"),
        KnownSilence(
            after: [.script], .firmwareLogin, "the boot script was fetched but the machine did not go on",
            "open the iSCSI port (3260) to this host and read the machine's screen"),
        KnownSilence(
            after: [.kernel], .initramfs, "the kernel was fetched but not the initramfs",
            "give the machine more memory, or read its screen"),
        KnownSilence(
            after: [.initramfs], .kernelLogin, if: \.hasSystemAddress,
            "kernel and initramfs were fetched, the system has its address, but nothing logged in",
            "open the iSCSI port (3260) to this host, and read the machine's console: its initramfs may not know the kernel "
                + "arguments that name the target"),
        KnownSilence(
            after: [.initramfs], .kernelLogin, "kernel and initramfs were fetched but nothing logged in",
            "read the machine's console: its card's driver or address may be missing in the initramfs"),
    ]

    private static let disk: [KnownSilence] = [
        KnownSilence(
            after: [.firmwareLogin], .firmwareRead, "the firmware logged in but read nothing",
            "see that the target has LUN 0: apus status"),
        KnownSilence(
            after: [.firmwareRead], .bootLoader, if: { (1..<Limits.emptyDiskBytes).contains($0.bytesRead) },
            "the firmware read the beginning of the disk and found nothing to start",
            "see that the disk has a boot loader for this firmware, BIOS or UEFI (apus image info IMAGE), or make it anew: apus "
                + "client reset NAME"),
        KnownSilence(
            after: [.firmwareRead, .bootLoader], .kernelLogin, if: \.hasSystemAddress,
            "the system has its address, but its initramfs did not log in",
            "read the machine's console: it says which step of iscsi-boot failed"),
        KnownSilence(
            after: [.firmwareRead, .bootLoader], .kernelLogin,
            "the boot loader read the disk but no operating system logged in",
            "read the machine's console: GRUB may wait for a key, or the initramfs lacks the driver of the card"),
        KnownSilence(
            after: [.root], .up, "the root is mounted, but the system has not told that it is up, as it did before",
            "read the machine's console: a service may keep it, or fail"),
        KnownSilence(
            after: [.kernelLogin, .kernelRead, .root, .up], .root,
            "the operating system logged in but read nothing",
            "read the machine's console: the root file system may not have been found"),
    ]
}

extension BootRecord {
    func diagnosis(after stage: Stage) -> Diagnosis {
        let known = KnownSilence.all.first { $0.after.contains(stage) && $0.condition?(self) ?? true }
        guard let known else { preconditionFailure("every stage has a row without condition") }
        return Diagnosis(awaited: known.awaited, reason: known.reason, remedy: known.remedy)
    }

    /// Whether the boot file was offered beside another server's address, and nothing else was offered.
    fileprivate var wasOfferedByProxyAlone: Bool {
        let offers = self.entries.filter { $0.stage == .offer && !$0.isTrouble }
        return !offers.isEmpty && offers.allSatisfy { $0.text.hasPrefix("as proxy: ") }
    }

    fileprivate func hasFetched(_ file: String) -> Bool {
        self.entries.contains { !$0.isTrouble && $0.text.hasPrefix(file) }
    }

    /// Whether an operating system has asked for its address and got it.
    fileprivate var hasSystemAddress: Bool {
        guard let asked = self.entries.lastIndex(where: { $0.text == "by the operating system" }) else { return false }
        return self.entries[asked...].contains { $0.stage == .offer && !$0.isTrouble }
    }
}
