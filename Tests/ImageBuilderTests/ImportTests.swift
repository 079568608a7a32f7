// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import SystemPackage
import Testing

@testable import ImageBuilder

@Suite("What is imported")
struct ImportTests {
    private func makeFolder(_ names: [String], links: [(String, String)] = []) throws -> FilePath {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in names { try Data("x".utf8).write(to: folder.appending(path: name)) }
        for (name, target) in links {
            try FileManager.default.createSymbolicLink(
                atPath: folder.appending(path: name).path, withDestinationPath: target)
        }
        return FilePath(folder.path)
    }

    private func remove(_ folder: FilePath) {
        try? FileManager.default.removeItem(atPath: folder.string)
    }

    @Test func `a build's folder has its files, each by the link to the newest`() throws {
        let folder = try self.makeFolder(
            [
                "bzImage--5.15-r0.bin", "grub-efi-bootx64.efi", "modules-intel-x86-64.tgz",
                "wrlinux-image-initramfs-intel-x86-64-2026.cpio.gz",
                "wrlinux-image-std-intel-x86-64-2025.rootfs.tar.bz2",
                "wrlinux-image-std-intel-x86-64-2026.rootfs.tar.bz2", "core-image-minimal.rootfs.tar.bz2",
            ],
            links: [
                ("bzImage", "bzImage--5.15-r0.bin"),
                ("wrlinux-image-initramfs-intel-x86-64.cpio.gz", "wrlinux-image-initramfs-intel-x86-64-2026.cpio.gz"),
                ("wrlinux-image-std-intel-x86-64.rootfs.tar.bz2", "wrlinux-image-std-intel-x86-64-2026.rootfs.tar.bz2"),
            ])
        defer { self.remove(folder) }
        let found = try DeployFolder(at: folder, choosing: DeployFolder.Choice())
        #expect(found.kernel.lastComponent?.string == "bzImage")
        #expect(found.initramfs.lastComponent?.string == "wrlinux-image-initramfs-intel-x86-64.cpio.gz")
        #expect(found.rootfs.lastComponent?.string == "wrlinux-image-std-intel-x86-64.rootfs.tar.bz2")
        #expect(found.loader?.lastComponent?.string == "grub-efi-bootx64.efi")
        let chosen = try DeployFolder(
            at: folder, choosing: DeployFolder.Choice(rootfs: "core-image-minimal.rootfs.tar.bz2"))
        #expect(chosen.rootfs.lastComponent?.string == "core-image-minimal.rootfs.tar.bz2")
    }

    @Test func `two files of a kind ask for a choice, and a missing one is named`() throws {
        let folder = try self.makeFolder(["bzImage", "a-initramfs.cpio.gz", "b-initramfs.cpio.gz"])
        defer { self.remove(folder) }
        let two = #expect(throws: ImageError.self) { try DeployFolder(at: folder, choosing: DeployFolder.Choice()) }
        #expect(
            two?.message.contains("a-initramfs.cpio.gz, b-initramfs.cpio.gz; name one with --initramfs-file") == true)
        let none = #expect(throws: ImageError.self) {
            try DeployFolder(at: folder, choosing: DeployFolder.Choice(initramfs: "a-initramfs.cpio.gz"))
        }
        #expect(none?.message.contains("has no root file system") == true)
    }

    @Test func `a folder with a system in it is a root, one of an OCI layout a container`() async throws {
        let root = try self.makeFolder(["etc", "usr"])
        let layout = try self.makeFolder(["oci-layout", "index.json"])
        defer {
            self.remove(root)
            self.remove(layout)
        }
        #expect(try await ImportSource.recognize(root, choosing: DeployFolder.Choice()) == .folder(root))
        #expect(
            try await ImportSource.recognize(layout, choosing: DeployFolder.Choice())
                == .container(reference: "oci:\(layout)", file: layout))
    }

    @Test func `an archive is told by what is in it, a disk by its partition table`() async throws {
        let folder = try self.makeFolder(["manifest.json", "0123.json", "etc"])
        defer { self.remove(folder) }
        _ = try Shell.run(
            "cd \(folder) && tar -cf docker.tar manifest.json 0123.json && tar -czf root.tgz etc && "
                + "truncate -s 1M blank.img && truncate -s 4M disk.img && echo 'label: gpt' | sfdisk -q disk.img && "
                + "qemu-img convert -O qcow2 disk.img disk.qcow2")
        func recognize(_ name: String) async throws -> ImportSource {
            try await ImportSource.recognize(folder.appending(name), choosing: DeployFolder.Choice())
        }
        let archive = folder.appending("docker.tar")
        #expect(try await recognize("docker.tar") == .container(reference: "docker-archive:\(archive)", file: archive))
        #expect(try await recognize("root.tgz") == .tarball(folder.appending("root.tgz")))
        #expect(try await recognize("disk.img") == .disk(folder.appending("disk.img"), format: "raw"))
        #expect(try await recognize("disk.qcow2") == .disk(folder.appending("disk.qcow2"), format: "qcow2"))
        let blank = await #expect(throws: ImageError.self) { try await recognize("blank.img") }
        #expect(blank?.message.contains("nothing that an image can be made of") == true)
        await #expect(throws: ImageError.self) { try await recognize("none") }
    }

    @Test func `releases are ordered by their numbers`() {
        let releases = ["6.1.0-9-amd64", "6.1.0-50-amd64", "5.15.0", "6.10.2"]
        #expect(releases.sorted(by: KernelFile.isOlder) == ["5.15.0", "6.1.0-9-amd64", "6.1.0-50-amd64", "6.10.2"])
    }

    @Test func `an empty root lacks everything, named with the packages that bring it`() throws {
        let root = try self.makeFolder([])
        defer { self.remove(root) }
        let missing = RootFacts.missing(in: root, for: .iscsiBoot.overlaid(with: .multipath))
        #expect(missing.contains { $0.contains("linux-image-amd64") })
        #expect(missing.contains { $0.contains("iscsistart") && $0.contains("(open-iscsi)") })
        #expect(missing.contains { $0.contains("(systemd)") })
        #expect(missing.contains { $0.contains("/usr/sbin/multipath") && $0.contains("(multipath-tools)") })
    }

    @Test func `a disk has room for what is imported`() throws {
        let usual = try DiskLayout.fitting(rootBytes: 500 << 20, espContentBytes: 40 << 20, wanted: nil)
        #expect(usual == DiskLayout(sizeBytes: 4 << 30))
        let large = try DiskLayout.fitting(rootBytes: 5 << 30, espContentBytes: 200 << 20, wanted: nil)
        #expect(large.sizeBytes == 11 << 30)
        #expect(large.esp.sizeBytes == 416 << 20)
        let failure = #expect(throws: ImageError.self) {
            try DiskLayout.fitting(rootBytes: 5 << 30, espContentBytes: 0, wanted: 2 << 30)
        }
        #expect(failure?.message.contains("too small") == true)
    }

    @Test func `the first cluster of a file in one piece is read from mshowfat's answer`() {
        #expect(FATVolume.firstCluster(ofOnlyPiece: "::/EFI/BOOT/grub.cfg <5-12>\n") == 5)
        #expect(FATVolume.firstCluster(ofOnlyPiece: "::/a <7>") == 7)
        #expect(FATVolume.firstCluster(ofOnlyPiece: "::/a <5-7,9>") == nil)
        #expect(FATVolume.firstCluster(ofOnlyPiece: "File not found") == nil)
    }

    @Test func `a cluster is found on a volume that mkfs made`() throws {
        let folder = try self.makeFolder(["file"])
        defer { self.remove(folder) }
        let made = try Shell.run(
            "cd \(folder) && truncate -s 64M v && mkfs.vfat -F 32 -s 1 v && printf 'where is it' > file && "
                + "mcopy -i v file ::file && mshowfat -i v ::file")
        let volume = folder.appending("v")
        let cluster = try #require(FATVolume.firstCluster(ofOnlyPiece: made.output))
        let offset = FATVolume.offset(ofCluster: cluster, bootSector: try Files.read(volume, at: 0, count: 512))
        #expect(try Files.read(volume, at: offset, count: 11).elementsEqual("where is it".utf8))
    }

    @Test func `what cannot be asked for of a source is refused`() {
        let disk = ImportRequest(name: "lab", source: .disk("/d.img", format: "raw"), rootPassword: "root")
        #expect(disk.problems().count == 1)
        #expect(disk.problems().first?.contains("a disk is imported as it is") == true)
        let archive = ImportRequest(name: "lab", source: .tarball("/r.tar"), rootPassword: "root")
        #expect(archive.problems().isEmpty)
        let spaced = ImportRequest(name: "lab", source: .tarball("/r.tar"), kernelArguments: ["a b"])
        #expect(spaced.problems().first?.contains("is not one kernel argument") == true)
    }
}
