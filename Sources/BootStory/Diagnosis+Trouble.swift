// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What is to be done about what went wrong before our eyes, by words of what the timeline says of it.
struct KnownTrouble: Sendable {
    var mark: String
    /// The stage that it is of; nil for any.
    var stage: Stage?
    var remedy: String

    init(_ mark: String, at stage: Stage? = nil, _ remedy: String) {
        self.mark = mark
        self.stage = stage
        self.remedy = remedy
    }

    /// The first that fits is taken.
    static let all: [KnownTrouble] = [
        KnownTrouble(
            "another DHCP server",
            "turn that server off, or leave the addresses to it: apus services set --dhcp proxy"),
        KnownTrouble(
            "firmware's own iSCSI initiator",
            "set up iSCSI in the firmware's menu (target from DHCP) and put it first, or use the method sanboot"),
        KnownTrouble(
            "takes no credentials by DHCP",
            "use the method sanboot, or a name and a secret that stay: apus client set NAME --chap USER:SECRET"),
        KnownTrouble("its HTTP Boot asked", "put PXE first in the firmware's menu"),
        KnownTrouble(
            "good for", at: .firmwareLogin,
            "see that the machine keeps the address that it asked for its boot script with; a restart makes new ones"),
        KnownTrouble(
            "has not asked for its boot script",
            "start the machine anew, so that it fetches its script; one that attaches its disk without needs a secret that "
                + "stays: apus client set NAME --chap USER:SECRET"),
        KnownTrouble(
            "is not in acls of",
            "let the machine log in by the name of its entry (apus client show NAME), or take over the one that it uses: "
                + "apus client set NAME --initiator-name IQN"),
        KnownTrouble(
            "there is no target",
            "give the machine the target's name that apus client show NAME shows, and see that it is served: apus status"
        ),
        KnownTrouble(
            "from a network that", "let that network in: the target's allowed_networks, or the portal group's"),
        KnownTrouble(
            "has none of",
            "the initiator's methods and the target's have nothing in common: set or remove CHAP on both sides"),
        KnownTrouble(
            "CHAP",
            "give the firmware the name and secret of the machine's entry: apus client set NAME --chap USER:SECRET sets "
                + "another"),
        KnownTrouble(
            "without authentication",
            "turn CHAP on in the firmware's menu, with the name and secret of the machine's entry"),
        KnownTrouble(
            "skips the authentication",
            "turn CHAP on in the firmware's menu, with the name and secret of the machine's entry"),
        KnownTrouble(
            "is not served", "see what keeps it from being served: apus status, at its end; then restart the machine"),
        KnownTrouble("is not installed", "install the package that is named on this host: apt-get install PACKAGE"),
        KnownTrouble("no free address", "give out more addresses: apus services set --dhcp FIRST-LAST/PREFIX"),
        KnownTrouble("answers on that address", "find the machine that has the address, or keep it out of the range"),
        KnownTrouble(
            "without a range of addresses",
            "give its network addresses: apus services set --relayed FIRST-LAST/PREFIX,ROUTER"),
        KnownTrouble("no boot program for client architecture", "such machines are not served yet"),
        // FIELD: TFTP through firewalls and over networks that lose large frames.
        KnownTrouble(
            "fell silent at block",
            "TFTP's data comes from a port of its own, which a firewall may keep back: fix it with apus services set "
                + "--tftp-transfer-ports and open it; where the first block arrives and later ones do not, look for a smaller "
                + "MTU on the way"),
        KnownTrouble(
            "cannot be reached any more",
            "see that the machine is on, and that nothing between drops UDP from this host"),
        KnownTrouble(
            "the client broke off", at: .bootFile, "read the machine's screen: its memory may not hold the program"),
        KnownTrouble("the client broke off", "give the machine more memory, or read its screen"),
        KnownTrouble("broken off", "see whether the machine was switched off; its network may lose packets"),
        KnownTrouble("cannot open", "see that the image has its kernel and initramfs: apus image info IMAGE"),
        KnownTrouble("boots from its disk", "set the method kernel: apus client set NAME --method kernel"),
    ]

    /// Where no words are known.
    static func remedy(at stage: Stage) -> String {
        switch stage {
        case .discover, .offer: "see that the machine is configured: apus client list"
        case .bootFile: "see that Debian's package ipxe is installed on this host: apt-get install ipxe"
        case .script: "add it: apus client add NAME --mac MAC --image IMAGE"
        case .kernel, .initramfs: "see that the image has its kernel and initramfs: apus image info IMAGE"
        default: "compare the initiator's name with: apus client show NAME"
        }
    }
}

extension BootRecord {
    func diagnosis(of trouble: Entry) -> Diagnosis {
        let known = KnownTrouble.all.first {
            trouble.text.contains($0.mark) && ($0.stage ?? trouble.stage) == trouble.stage
        }
        // Firmware tries again; that it did says that it was no accident.
        let times = self.entries.reduce(0) { $1.isTrouble && $1.text == trouble.text ? $0 + $1.count : $0 }
        let reason = times > 1 ? "\(trouble.text) (\(times) times)" : trouble.text
        return Diagnosis(
            awaited: trouble.stage, reason: reason, remedy: known?.remedy ?? KnownTrouble.remedy(at: trouble.stage))
    }
}
