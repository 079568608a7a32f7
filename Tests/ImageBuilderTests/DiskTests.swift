// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Model
import SystemPackage
import Testing

@testable import ImageBuilder

@Suite("Disk of an image")
struct DiskTests {
    static let ids = RecipeHash.identifiers(ofImage: "lab")

    @Test(arguments: [1 << 30, 1 << 30 | 12345, 4 << 30, 16 << 40] as [UInt64])
    func `partitions are aligned, do not overlap and leave room for the second GPT`(_ size: UInt64) {
        let layout = DiskLayout(sizeBytes: size)
        #expect(layout.sizeBytes <= size && size - layout.sizeBytes < 1 << 20)
        let partitions = [layout.biosBoot, layout.esp, layout.root]
        #expect(partitions.allSatisfy { $0.firstSector % 2048 == 0 && $0.sectors % 2048 == 0 })
        #expect(layout.biosBoot.firstSector + layout.biosBoot.sectors == layout.esp.firstSector)
        #expect(layout.esp.firstSector + layout.esp.sectors == layout.root.firstSector)
        #expect((layout.root.firstSector + layout.root.sectors) * 512 + 33 * 512 <= layout.sizeBytes)
        // FAT32 has at least 65,525 clusters, here of one sector.
        #expect(layout.esp.sectors > 70_000)
    }

    @Test func `sfdisk makes what the layout says`() throws {
        let layout = DiskLayout(sizeBytes: 1 << 30)
        let disk = FileManager.default.temporaryDirectory.appending(path: "apus-\(UUID()).img")
        defer { try? FileManager.default.removeItem(at: disk) }
        #expect(FileManager.default.createFile(atPath: disk.path, contents: nil))
        try FileHandle(forWritingTo: disk).truncate(atOffset: layout.sizeBytes)
        let made = try Shell.run("sfdisk --quiet \(disk.path)", input: layout.sfdiskScript(ids: Self.ids))
        #expect(made.status == 0, "\(made.output)")
        let dump = try Shell.run("sfdisk --dump \(disk.path)").output.lowercased()
        #expect(dump.contains("label-id: \(Self.ids.disk)"))
        for (number, partition, uuid) in [
            (1, layout.esp, Self.ids.espPartition), (2, layout.root, Self.ids.rootPartition),
            (3, layout.biosBoot, Self.ids.biosBootPartition),
        ] {
            let line = dump.split(separator: "\n").first { $0.contains("img\(number) ") }.map(String.init) ?? ""
            let words = line.replacing(" ", with: "")
            #expect(words.contains("start=\(partition.firstSector),size=\(partition.sectors),"))
            #expect(words.contains("uuid=\(uuid)"))
        }
    }

    @Test func `identifiers are those of the image's name, and all different`() {
        let ids = Self.ids
        #expect(ids == RecipeHash.identifiers(ofImage: "lab"))
        #expect(ids != RecipeHash.identifiers(ofImage: "lab2"))
        let all = [ids.disk, ids.espPartition, ids.rootPartition, ids.biosBootPartition, ids.rootFilesystem]
        #expect(Set(all).count == all.count)
        #expect(
            all.allSatisfy { UUID(uuidString: $0) != nil && Array($0)[14] == "8" && "89ab".contains(Array($0)[19]) })
        #expect(ids.espVolumeName.count == 9 && ids.espVolumeName.replacing("-", with: "") == ids.espVolume)
    }
}

@Suite("Boot loader")
struct BootLoaderTests {
    @Test func `boot.img is told where core.img begins and to use the BIOS's drive`() throws {
        let image = (0..<512).map { UInt8(truncatingIfNeeded: $0) }
        let code = try BIOSLoader.bootCode(bootImage: image, coreSector: 0x0102_0304_0506_0708)
        #expect(code.count == 440)
        #expect(Array(code[0x5c..<0x64]) == [8, 7, 6, 5, 4, 3, 2, 1])
        #expect(Array(code[0x66..<0x68]) == [0x90, 0x90])
        #expect(code[..<0x5c] == image[..<0x5c])
        #expect(code[0x64..<0x66] == image[0x64..<0x66])
        #expect(code[0x68...] == image[0x68..<440])
    }

    @Test func `core.img is told where the rest of it is`() throws {
        let partition = DiskLayout.Partition(firstSector: 2048, sectors: 2048)
        let image = [UInt8](repeating: 0xee, count: 3 * 512 + 1)
        let core = try BIOSLoader.core(coreImage: image, at: partition)
        #expect(Array(core[500..<512]) == [1, 8, 0, 0, 0, 0, 0, 0, 3, 0, 0x20, 0x08])
        #expect(core.count == image.count)
        #expect(core[..<500].allSatisfy { $0 == 0xee } && core[512...].allSatisfy { $0 == 0xee })
    }

    @Test func `images that GRUB cannot have made are refused`() {
        let partition = DiskLayout.Partition(firstSector: 2048, sectors: 2)
        #expect(throws: BIOSLoader.Problem.bootImageHasWrongSize(511)) {
            try BIOSLoader.bootCode(bootImage: [UInt8](repeating: 0, count: 511), coreSector: 1)
        }
        #expect(throws: BIOSLoader.Problem.coreImageTooSmall(512)) {
            try BIOSLoader.core(coreImage: [UInt8](repeating: 0, count: 512), at: partition)
        }
        #expect(throws: BIOSLoader.Problem.coreImageTooLarge(bytes: 1025, room: 1024)) {
            try BIOSLoader.core(coreImage: [UInt8](repeating: 0, count: 1025), at: partition)
        }
    }

    @Test func `GRUB's own checker accepts the configuration`() throws {
        let arguments = BootLoader.kernelArguments(rootArgument: "root=UUID=1234")
        #expect(arguments.first == "root=UUID=1234" && arguments.last == "console=ttyS0,115200")
        let text = BootLoader.configuration(
            title: "lab (bookworm)", kernel: "vmlinuz", initramfs: "initrd.img", arguments: arguments)
        #expect(text.contains("linux /vmlinuz root=UUID=1234 rw rootwait console=tty0 console=ttyS0,115200 $machine\n"))
        #expect(text.hasPrefix(ArgumentSlot.emptyLine + "\n"))
        #expect(text.contains("rd.systemd.mask=initrd.target\n"))
        let check = try Shell.run("grub-script-check", input: text)
        #expect(check.status == 0, "\(check.output)")
        let first = BootLoader.signedConfiguration(espVolume: "ABCD-1234")
        #expect(first.hasSuffix("configfile $prefix/grub.cfg\n"))
        #expect(try Shell.run("grub-script-check", input: first).status == 0)
    }

    @Test func `a program that Debian's key signed is told from others`() {
        #expect(KernelFile.isSignedByDebian(FilePath(BootLoader.signedGRUB)))
        // Microsoft's key, and none.
        #expect(!KernelFile.isSignedByDebian(FilePath(BootLoader.shim)))
        #expect(!KernelFile.isSignedByDebian("/usr/lib/shim/fbx64.efi"))
        #expect(!KernelFile.isSignedByDebian("/etc/passwd"))
        #expect(!KernelFile.isSignedByDebian("/nowhere"))
    }
}
