// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Testing

@Suite("Unified kernel image")
struct UnifiedKernelImageTests {
    private static let table = 0x80 + 24 + 0xf0

    /// A PE32+ program with one section of 512 bytes and room in its headers for `room` sections more.
    private static func stub(room: Int = 4) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 0x80)
        bytes[0] = 0x4d
        bytes[1] = 0x5a
        bytes[0x3c] = 0x80
        bytes += Array("PE".utf8) + [0, 0, 0x64, 0x86, 1, 0] + [UInt8](repeating: 0, count: 12) + [0xf0, 0, 6, 2]
        var optional = [UInt8](repeating: 0, count: 0xf0)
        optional[0] = 0x0b
        optional[1] = 0x02
        // SizeOfImage 0x1200
        optional[57] = 0x12
        let headers = Self.table + 40 * (1 + room)
        optional[60] = UInt8(headers & 0xff)
        optional[61] = UInt8(headers >> 8)
        // A checksum, sixteen directories, a certificate table.
        optional[64] = 0xff
        optional[108] = 16
        optional[112 + 4 * 8] = 0x77
        return bytes + optional + [UInt8](repeating: 0, count: headers - Self.table + 512)
    }

    private static func word(_ bytes: [UInt8], _ at: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[at + $1]) << (8 * $1) }
    }

    @Test func `three sections follow the stub's own, in file and memory`() throws {
        let image = try UnifiedKernelImage(
            stub: Self.stub(), arguments: "quiet", kernelBytes: 5000, initrdBytes: 4096)
        #expect(image.head[0x86] == 4)
        var memory = 0x2000
        var file = 4096
        for (index, section) in [(".cmdline", 6, 4096), (".linux", 5000, 8192), (".initrd", 4096, 4096)].enumerated() {
            let entry = Self.table + 40 * (index + 1)
            #expect(image.head[entry..<entry + 8].prefix { $0 != 0 }.elementsEqual(section.0.utf8))
            #expect(Self.word(image.head, entry + 8) == section.1)
            #expect(Self.word(image.head, entry + 12) == memory)
            #expect(Self.word(image.head, entry + 16) == section.2)
            #expect(Self.word(image.head, entry + 20) == file)
            memory += section.2
            file += section.2
        }
        #expect(Self.word(image.head, 0x80 + 24 + 56) == memory)
        #expect(image.head.count == 8192)
        #expect(image.head[4096..<4102].elementsEqual("quiet\0".utf8))
        #expect(image.kernelPadding == 8192 - 5000 && image.initrdPadding == 0)
        #expect(image.head.count + 8192 + 4096 == file)
    }

    @Test func `checksum and signature of the stub are gone`() throws {
        let image = try UnifiedKernelImage(stub: Self.stub(), arguments: "", kernelBytes: 1, initrdBytes: 1)
        #expect(Self.word(image.head, 0x80 + 24 + 64) == 0)
        #expect(Self.word(image.head, 0x80 + 24 + 112 + 32) == 0)
    }

    /// The marks "MZ" and "PE", where the header is, the number of sections, the header's kind and its sizes.
    @Test(
        arguments: [
            (0, 0), (0x3c, 0xff), (0x3f, 0x7f), (0x80, 0), (0x87, 0xff), (0x98, 0x0a), (0x95, 0xff), (0xd7, 0x7f),
        ] as [(Int, UInt8)])
    func `what is not the stub is refused`(_ offset: Int, _ byte: UInt8) {
        var bytes = Self.stub()
        bytes[offset] = byte
        #expect(throws: UnifiedKernelImage.Flaw.notAnEFIProgram) {
            try UnifiedKernelImage(stub: bytes, arguments: "", kernelBytes: 1, initrdBytes: 1)
        }
    }

    @Test(arguments: [0, 0x40, 0x100]) func `half a stub is refused`(_ count: Int) {
        #expect(throws: UnifiedKernelImage.Flaw.notAnEFIProgram) {
            try UnifiedKernelImage(
                stub: Array(Self.stub().prefix(count)), arguments: "", kernelBytes: 1, initrdBytes: 1)
        }
    }

    @Test func `sections without room in the header, or beyond 4 GiB, are refused`() {
        #expect(throws: UnifiedKernelImage.Flaw.noRoomForSections) {
            try UnifiedKernelImage(stub: Self.stub(room: 2), arguments: "", kernelBytes: 1, initrdBytes: 1)
        }
        #expect(throws: UnifiedKernelImage.Flaw.tooLarge) {
            try UnifiedKernelImage(stub: Self.stub(), arguments: "", kernelBytes: 1 << 31, initrdBytes: 1 << 31)
        }
    }

    /// Every byte of the stub's headers is somebody else's: whatever it says, the answer is an image or a flaw.
    @Test func `no byte of a stub is a trap`() {
        let stub = Self.stub()
        for offset in 0..<stub.count {
            for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] as [UInt8] {
                var bytes = stub
                bytes[offset] = byte
                if let image = try? UnifiedKernelImage(stub: bytes, arguments: "a", kernelBytes: 1, initrdBytes: 1) {
                    #expect(image.head.count.isMultiple(of: 4096))
                }
            }
        }
    }
}

@Suite("GRUB's scripts")
struct GRUBScriptTests {
    @Test func `a machine's script loads kernel and initramfs from the server that GRUB came from`() {
        let text = GRUBScript.text(client: "pc1", mac: machine, arguments: "root=UUID=1  quiet")
        #expect(text.contains("linux /52-54-00-12-34-56/vmlinuz 'root=UUID=1' 'quiet';"))
        #expect(text.contains("initrd /52-54-00-12-34-56/initrd.img;"))
        #expect(text.hasSuffix("reboot\n"))
    }

    @Test func `nothing of an argument is GRUB's own syntax`() {
        let text = GRUBScript.text(client: "a'; halt '", mac: machine, arguments: "x=$root;reboot y='z' \u{1b}[2J")
        #expect(text.contains(#"'x=$root;reboot' 'y='\''z'\''' '?[2J'"#))
        #expect(text.contains(#"'a'\''; halt '\'''"#))
    }

    @Test func `the script for all leads to the machine's own`() {
        #expect(GRUBScript.start.contains("configfile /$net_default_mac/grub.cfg"))
        #expect(BootPath("/52:54:00:12:34:56/grub.cfg") == .grub(machine))
    }
}
