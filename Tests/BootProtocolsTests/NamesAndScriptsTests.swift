// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Testing

@Suite("Names that TFTP and HTTP serve")
struct BootPathTests {
    static let colons = "52:54:00:12:34:56"

    @Test(
        arguments: [
            ("52-54-00-12-34-56/boot.ipxe", .script(machine)), ("/52:54:00:12:34:56/boot.ipxe", .script(machine)),
            ("//52-54-00-12-34-56//vmlinuz", .kernel(machine)), ("/./525400123456/initrd.img", .initrd(machine)),
            ("/52%3A54%3a00%3A12%3A34%3A56/vmlinuz?x=1", .kernel(machine)),
            ("\\52-54-00-12-34-56\\vmlinuz", .kernel(machine)),
            ("/boot/ipxe?mac=52:54:00:12:34:56", .script(machine)),
            ("/boot/ipxe?a=b&mac=52%3A54%3A00%3A12%3A34%3A56", .script(machine)),
            ("snponly.efi", .program("snponly.efi")), ("/undionly.kpxe", .program("undionly.kpxe")),
            ("52-54-00-12-34-56/linux.efi", .unifiedKernel(machine)), ("/52:54:00:12:34:56/grub.cfg", .grub(machine)),
            ("/grub/grub.cfg", .grubStart), ("grub//x86_64-efi/grub.cfg", .grubStart),
            ("grub/x86_64-efi/command.lst", .optional), ("grub/fonts/unicode.pf2", .optional),
            ("/revocations_sbat.efi", .optional), ("shim_certificate_0.efi", .optional), ("grub", .program("grub")),
            ("", nil), ("/", nil), ("..", nil), ("../snponly.efi", nil), ("/../../etc/passwd", nil),
            ("52-54-00-12-34-56/../vmlinuz", nil), ("/%2e%2e/x", nil), ("/%", nil), ("/%zz", nil), ("/a%00b", nil),
            ("/.hidden", nil), ("a b", nil), ("52-54-00-12-34-56/shadow", nil), ("52-54-00-12-34/vmlinuz", nil),
            ("boot/ipxe", nil), ("boot/ipxe?mac=1", nil), ("a/b/c", nil), ("größe", nil),
            (String(repeating: "a", count: 513), nil),
        ] as [(String, BootPath?)])
    func `a path is one of ours or nothing`(_ text: String, _ path: BootPath?) {
        #expect(BootPath(text) == path)
    }

    @Test(
        arguments: [
            BootPath.script(machine), .kernel(machine), .initrd(machine), .unifiedKernel(machine), .grub(machine),
            .grubStart, .program("ipxe.efi"),
        ])
    func `a path that we write is one that we read`(_ path: BootPath) {
        #expect(BootPath(path.text) == path)
        #expect(BootPath("/" + path.text) == path)
    }
}

@Suite("RFC 9110 §14 ranges")
struct ByteRangeTests {
    @Test(
        arguments: [
            (nil, .whole), ("bytes=0-99", .part(0..<100)), ("bytes=0-", .part(0..<1000)),
            ("bytes=999-", .part(999..<1000)),
            ("bytes=-1", .part(999..<1000)), ("bytes=-5000", .part(0..<1000)), ("bytes=10-5000", .part(10..<1000)),
            ("Bytes=1-1", .part(1..<2)), ("bytes=1000-", .unsatisfiable), ("bytes=-0", .unsatisfiable),
            ("bytes=5-4", .whole), ("bytes=a-b", .whole), ("bytes=0-1,5-6", .whole), ("lines=0-1", .whole),
            ("bytes", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("bytes=+1-2", .whole),
            ("bytes=0-99999999999999999999999", .part(0..<1000)), ("bytes=99999999999999999999999-", .unsatisfiable),
        ] as [(String?, ByteRange)])
    func `a header is obeyed or ignored`(_ header: String?, _ range: ByteRange) {
        #expect(ByteRange(header: header, size: 1000) == range)
    }

    @Test func `an empty file has no part`() {
        #expect(ByteRange(header: "bytes=0-", size: 0) == .unsatisfiable)
        #expect(ByteRange(header: nil, size: 0) == .whole)
    }

    @Test func `an entity tag is found in lists, and guards ranges`() {
        let tag = EntityTag(inode: 255, size: 16, modifiedNanoseconds: 1)
        #expect(tag.text == "\"ff-10-1\"")
        #expect(tag.isListed(in: "\"x\", W/\"ff-10-1\" , \"y\""))
        #expect(tag.isListed(in: "*"))
        #expect(!tag.isListed(in: "\"ff-10-2\""))
        #expect(tag.permitsRange(ifRange: nil) && tag.permitsRange(ifRange: "\"ff-10-1\""))
        #expect(!tag.permitsRange(ifRange: "W/\"ff-10-1\""))
    }
}

@Suite("RFC 4173 §5 root path")
struct SANDiskTests {
    @Test(
        arguments: [
            (0, "iscsi:10.0.0.1::3260:0:iqn.x"), (10, "iscsi:10.0.0.1::3260:a:iqn.x"),
            (16383, "iscsi:10.0.0.1::3260:3fff:iqn.x"),
        ] as [(UInt16, String)])
    func `the LUN is hexadecimal`(_ lun: UInt16, _ path: String) {
        let disk = SANDisk(
            initiatorName: "i", targetName: "iqn.x", portalAddress: "10.0.0.1", portalPort: 3260, lun: lun)
        #expect(disk.rootPath == path)
        #expect(disk.kernelArguments.hasSuffix("iscsi_lun=\(lun)"))
    }

    @Test func `an IPv6 address stands in brackets`() {
        let disk = SANDisk(
            initiatorName: "i", targetName: "iqn.x", portalAddress: "fd00::1", portalPort: 3261, lun: 0)
        #expect(disk.rootPath == "iscsi:[fd00::1]::3261:0:iqn.x")
    }
}

@Suite("iPXE scripts")
struct IPXEScriptTests {
    static let disk = BootPolicyTests.disk

    static func script(_ method: IPXEScript.Method, client: String = "node1") -> [String] {
        let text = IPXEScript(client: client, disk: self.disk, method: method, url: "http://h/s").text
        return text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    @Test func `sanboot sets the initiator's name and attaches the disk`() throws {
        let lines = Self.script(.sanboot)
        #expect(lines.first == "#!ipxe")
        let name = try #require(lines.firstIndex(of: "set initiator-iqn iqn.2026-11.org.apus:node1"))
        let boot = try #require(
            lines.firstIndex(of: "sanboot iscsi:10.77.0.1::3260:0:iqn.2026-11.org.apus:disk1 || goto failed"))
        #expect(name < boot)
        #expect(lines.contains("chain --replace --autofree http://h/s || goto again"))
    }

    @Test func `what the machine proves itself with is set before the disk is attached, and never shown`() throws {
        var disk = Self.disk
        disk.credentials = SANDisk.Credentials(name: "node1", secret: "0123456789ab")
        let text = IPXEScript(client: "node1", disk: disk, method: .sanboot, url: "http://h/s").text
        let lines = text.split(separator: "\n").map(String.init)
        let name = try #require(lines.firstIndex(of: "set username node1"))
        let boot = try #require(lines.firstIndex { $0.hasPrefix("sanboot ") })
        #expect(lines[name + 1] == "set password 0123456789ab")
        #expect(name < boot)
        #expect(!lines.contains { $0.hasPrefix("echo") && $0.contains("0123456789ab") })
        #expect(!"\(disk)".contains("0123456789ab"))
        #expect(!text.isEmpty && !Self.script(.sanboot).contains { $0.hasPrefix("set password") })
    }

    @Test func `kernel loads both files, names the initramfs and tells it how to log in`() {
        let lines = Self.script(
            .kernel(kernelURL: "http://h/k", initrdURL: "http://h/i", arguments: "root=LABEL=r  quiet"))
        #expect(
            lines.contains(
                "kernel --name vmlinuz http://h/k initrd=initrd.img root=LABEL=r quiet "
                    + "initiator_name=iqn.2026-11.org.apus:node1 iscsi_target_ip=10.77.0.1 "
                    + "iscsi_target_name=iqn.2026-11.org.apus:disk1 iscsi_target_port=3260 iscsi_lun=0 || goto failed"))
        #expect(lines.contains("initrd --name initrd.img http://h/i || goto failed"))
    }

    @Test func `arguments that iPXE would take for its own are left out and named on the screen`() {
        let lines = Self.script(
            .kernel(kernelURL: "k", initrdURL: "i", arguments: "a=1 || b ; #c x=${net0/mac} d=#e"))
        let kernel = lines.first { $0.hasPrefix("kernel ") } ?? ""
        #expect(kernel.contains(" a=1 b d=#e initiator_name="))
        #expect(!kernel.contains("${") && !kernel.contains(" ; ") && !kernel.contains("#c"))
        #expect(lines.filter { $0.contains("cannot pass on") }.count == 4)
    }

    @Test func `a name cannot smuggle a command into the script`() {
        let lines = Self.script(.sanboot, client: "x\nchain http://evil/ ${a}\r")
        #expect(!lines.contains { $0.hasPrefix("chain http://evil") })
        #expect(!lines.contains { $0.contains("${a}") })
    }

    @Test func `every label that a script jumps to is there`() {
        let scripts =
            [
                Self.script(.sanboot), Self.script(.kernel(kernelURL: "k", initrdURL: "i", arguments: "")),
            ]
            + [
                Self.stranger.unknown, Self.stranger.introduction, Self.stranger.menu(images: ["lab"]),
                Self.stranger.enrolled(as: "pc1"), Self.stranger.refused("no"),
                IPXEScript.refusal("no", url: "http://h/s"),
            ].map { $0.split(separator: "\n").map(String.init) }
        for lines in scripts {
            for line in lines {
                let words = line.split(separator: " ")
                for (at, word) in words.enumerated() where word == "goto" {
                    #expect(lines.contains(":\(words[at + 1])"), "\(line)")
                }
            }
        }
    }

    private static let stranger = StrangerScript(
        mac: machine, server: "10.77.0.1", url: "http://h/s", introductionURL: "http://h/i?mac=m",
        enrolmentURL: "http://h/e?mac=m")

    @Test func `a menu has an item for each image and takes no command from its name`() {
        let lines = Self.stranger.menu(images: ["lab", "a\nb ${c}"]).split(separator: "\n").map(String.init)
        #expect(lines.contains("item --key 1 lab 1  lab"))
        #expect(lines.contains("item --key 2 a?b $?c} 2  a?b $?c}"))
        #expect(lines.contains("set apus-name pc-525400123456"))
        #expect(lines.contains { $0.hasPrefix("chain --replace --autofree http://h/e?mac=m&uuid=${uuid}&serial=") })
    }

    @Test func `why an enrolment was refused cannot end its line`() {
        #expect(Self.stranger.refused("a\nchain x").contains("was not enrolled: a?chain x\n"))
    }

    @Test func `an unknown machine shows its MAC and what to type`() {
        let text = Self.stranger.unknown
        #expect(text.contains("echo   apus client add NAME --mac 52:54:00:12:34:56 --image IMAGE\n"))
        #expect(!text.contains("sanboot"))
        #expect(text.hasSuffix("exit 1\n"))
    }

    @Test func `iPXE's options are encapsulated`() {
        #expect(IPXEOption.encode([.noPXEDHCP, .keepSAN]) == [176, 1, 1, 8, 1, 1])
        #expect(IPXEOption.encode([.userName("ab")]) == [190, 2, 97, 98])
    }
}

@Suite("Addresses")
struct AddressTests {
    @Test(
        arguments: [
            ("10.77.0.1", 0x0a4d_0001), ("255.255.255.255", 0xffff_ffff), ("0.0.0.0", 0), ("1.2.3", nil),
            ("1.2.3.4.5", nil), ("256.1.1.1", nil), ("1.2.3.-4", nil), ("1.2.3.+4", nil), ("01.2.3.4", 0x0102_0304),
            ("1..2.3", nil), ("", nil), ("1.2.3.0004", nil), (" 1.2.3.4", nil),
        ] as [(String, UInt32?)])
    func `an IPv4 address is read`(_ text: String, _ value: UInt32?) {
        #expect(IPv4Address(text)?.value == value)
    }

    @Test(arguments: [(0, 0), (8, 0xff00_0000), (24, 0xffff_ff00), (32, 0xffff_ffff)] as [(Int, UInt32)])
    func `a mask has as many ones as the prefix is long`(_ length: Int, _ value: UInt32) {
        #expect(IPv4Address.mask(prefixLength: length).value == value)
    }

    @Test(arguments: ["52:54:00:12:34:56", "52-54-00-12-34-56", "525400123456", "52:54:00:12:34:56"])
    func `a MAC is read in each common form`(_ text: String) {
        #expect(MACAddress(text) == machine)
        #expect(MACAddress(text.uppercased()) == machine)
    }

    @Test(arguments: ["", "52:54:00:12:34", "52:54:00:12:34:5g", "52:54:00:12:34:56:78", "5254001234567"])
    func `what is no MAC is refused`(_ text: String) {
        #expect(MACAddress(text) == nil)
    }
}
