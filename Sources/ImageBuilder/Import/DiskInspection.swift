// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import Model
import SystemPackage

/// What is found on a disk without mounting it, and what it lacks to be booted over iSCSI.
struct DiskInspection {
    var title = "unknown system"
    var hostname: String?
    var kernelRelease: String?
    var rootArgument: String?
    var attachment: [ImageManifest.Attachment] = []
    var argumentSlot: ArgumentSlot?
    /// Whether a shim with its GRUB and a signed kernel are there.
    var isSigned = false
    /// What is missing, each with what to do about it.
    var gaps: [String] = []

    /// Looks at the disk of `place` and takes kernel and initramfs out of it where there are some.
    static func of(_ place: ImageMaking.Place) async throws -> DiskInspection {
        var inspection = DiskInspection()
        let partitions = try await Partition.all(of: place.disk, place.tools)
        let esp = partitions.first { $0.isEFISystem }
        let code = try Files.read(place.disk, at: 0, count: BIOSLoader.codeBytes)
        if esp == nil, code.allSatisfy({ $0 == 0 }) {
            inspection.gaps.append("a boot loader: neither an EFI System Partition nor boot code for a BIOS")
        }
        if let esp { inspection.argumentSlot = await Self.slot(on: esp, in: place) }
        let hasShim = await Self.hasShim(esp, in: place)
        guard let root = try await Self.root(among: partitions, in: place) else {
            inspection.gaps.append(
                "a root file system that can be looked into: none of its partitions is ext4 with /etc")
            return inspection
        }
        if let uuid = root.filesystemUUID { inspection.rootArgument = "root=UUID=\(uuid)" }
        try await inspection.look(into: root, of: place)
        inspection.isSigned = hasShim && KernelFile.isSignedByDebian(place.kernel)
        return inspection
    }

    private static func root(among partitions: [Partition], in place: ImageMaking.Place) async throws -> Partition? {
        for partition in partitions where partition.filesystem?.hasPrefix("ext") == true {
            if try await ExtVolume(place: place, partition: partition).names(in: "/").contains("etc") {
                return partition
            }
        }
        return nil
    }

    /// Whether what firmware starts of such a disk is a shim: it has its GRUB beside it.
    private static func hasShim(_ esp: Partition?, in place: ImageMaking.Place) async -> Bool {
        guard let esp else { return false }
        let volume = FATVolume(disk: place.disk, partition: esp.extent)
        return (try? await volume.offset(of: BootLoader.signedPath, place.tools)) != nil
    }

    private static func slot(on esp: Partition, in place: ImageMaking.Place) async -> ArgumentSlot? {
        let volume = FATVolume(disk: place.disk, partition: esp.extent)
        guard let offset = try? await volume.offset(of: BootLoader.configurationPath, place.tools) else { return nil }
        let slot = ArgumentSlot(offsetBytes: offset)
        let bytes = try? Files.read(place.disk, at: offset, count: slot.lineBytes)
        return bytes.map(slot.isLine) == true ? slot : nil
    }

    private mutating func look(into root: Partition, of place: ImageMaking.Place) async throws {
        let volume = ExtVolume(place: place, partition: root)
        for path in ["/etc/os-release", "/usr/lib/os-release"] {
            if let title = RootFacts.title(inRelease: try await volume.text(of: path)) {
                self.title = title
                break
            }
        }
        self.hostname = try await volume.text(of: "/etc/hostname").split(whereSeparator: \.isWhitespace).first
            .map(String.init)
        try await self.checkTable(of: volume, root: root)
        if try await !volume.names(in: "/usr/sbin").contains("iscsid"),
            try await !volume.names(in: "/sbin").contains("iscsid")
        {
            self.gaps.append("open-iscsi in the root, which keeps the session up: apt-get install open-iscsi")
        }
        let boot = try await volume.names(in: "/boot")
        guard let kernel = boot.filter({ $0.hasPrefix("vmlinuz-") }).max(by: KernelFile.isOlder) else {
            self.gaps.append("a kernel: /boot of the root has no vmlinuz-RELEASE")
            return
        }
        let release = String(kernel.dropFirst("vmlinuz-".count))
        self.kernelRelease = release
        try await volume.dump("/boot/\(kernel)", to: place.kernel)
        let names = ["initrd.img-\(release)", "initramfs-\(release).img", "initramfs-\(release)"]
        guard let initramfs = names.first(where: boot.contains) else {
            // Ours has it on the EFI System Partition, where the boot loader reads it.
            try await self.takeInitramfs(ofLoader: place)
            return
        }
        try await volume.dump("/boot/\(initramfs)", to: place.initramfs)
        try await self.checkInitramfs(place)
    }

    /// What the boot loader of one of our own images starts is beside it.
    private mutating func takeInitramfs(ofLoader place: ImageMaking.Place) async throws {
        guard let esp = try await Partition.all(of: place.disk, place.tools).first(where: \.isEFISystem) else { return }
        let volume = FATVolume(disk: place.disk, partition: esp.extent)
        do {
            try await place.tools.run(
                "mcopy", ["-o", "-i", volume.name, "::\(ImageLayout.initramfs)", place.initramfs.string])
        } catch {
            self.gaps.append("an initramfs for Linux \(self.kernelRelease ?? ""): update-initramfs -c -k all")
            return
        }
        try await self.checkInitramfs(place)
    }

    /// How the initramfs learns what to attach, if it can attach anything.
    private mutating func checkInitramfs(_ place: ImageMaking.Place) async throws {
        let names = try await place.tools.answer("lsinitramfs", [place.initramfs.string])
        func has(_ name: String) -> Bool { names.contains(name) }
        if has("iscsi_tcp.ko") == false {
            self.gaps.append("the module iscsi_tcp in the initramfs: add it, and make the initramfs anew")
        }
        if has("init-iscsi.sh") {
            self.attachment = [.arguments, .ibft]
        } else if has("sbin/iscsiroot") || has("scripts/local-top/iscsi") {
            self.attachment = [.ibft]
        } else {
            self.gaps.append(
                "iSCSI in the initramfs: with initramfs-tools touch /etc/iscsi/iscsi.initramfs holding ISCSI_AUTO=true; "
                    + "with dracut add the module iscsi")
        }
    }

    private mutating func checkTable(of volume: ExtVolume, root: Partition) async throws {
        let table = try await volume.text(of: "/etc/fstab")
        for line in table.split(separator: "\n") where !line.hasPrefix("#") {
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count >= 2, fields[1] == "/" else { continue }
            let isByName = ["UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "/dev/disk/"].contains {
                fields[0].hasPrefix($0)
            }
            if !isByName, fields[0].hasPrefix("/dev/") {
                self.gaps.append(
                    "a name for the root in /etc/fstab that every disk has: UUID= in place of \(fields[0])")
            }
        }
    }
}

/// A partition of a disk in a file.
struct Partition {
    var extent: DiskLayout.Partition
    var isEFISystem: Bool
    /// As blkid(8) calls it.
    var filesystem: String?
    var filesystemUUID: String?

    static func all(of disk: FilePath, _ tools: Tools) async throws -> [Partition] {
        struct Answer: Decodable {
            struct Table: Decodable {
                var partitions: [Entry]?
            }
            struct Entry: Decodable {
                var start: UInt64
                var size: UInt64
                var type: String
            }
            var partitiontable: Table
        }
        let text = try await tools.answer("sfdisk", ["--json", disk.string])
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(text.utf8)) else { return [] }
        var partitions: [Partition] = []
        for entry in answer.partitiontable.partitions ?? [] {
            let extent = DiskLayout.Partition(firstSector: entry.start, sectors: entry.size)
            let probe = try await tools.answer(
                "blkid",
                [
                    "--probe", "--output", "export", "--offset", "\(extent.offsetBytes)", "--size",
                    "\(extent.sizeBytes)", disk.string,
                ])
            func value(_ key: String) -> String? {
                probe.split(separator: "\n").first { $0.hasPrefix("\(key)=") }.map {
                    String($0.dropFirst(key.count + 1))
                }
            }
            partitions.append(
                Partition(
                    extent: extent,
                    isEFISystem: ["C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "ef"].contains(entry.type),
                    filesystem: value("TYPE"), filesystemUUID: value("UUID")))
        }
        return partitions
    }
}

/// An ext2, ext3 or ext4 file system on a partition, read by debugfs(8).
struct ExtVolume {
    let place: ImageMaking.Place
    let partition: Partition

    private var name: String { "\(self.place.disk)?offset=\(self.partition.extent.offsetBytes)" }

    /// The names in a folder; none where it is not there.
    func names(in folder: String) async throws -> [String] {
        let answer = try await self.place.tools.answer("debugfs", ["-R", "ls -p \(folder)", self.name])
        // /INODE/MODE/UID/GID/NAME/SIZE/
        return answer.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: "/", omittingEmptySubsequences: false)
            return fields.count >= 7 && fields[0].isEmpty ? String(fields[5]) : nil
        }
    }

    /// The text of a file, through a link too; empty where there is none.
    func text(of path: String) async throws -> String {
        let answer = try await self.place.tools.answer("debugfs", ["-R", "cat \(path)", self.name])
        return answer.contains("File not found by ext2_lookup") ? "" : answer
    }

    func dump(_ path: String, to file: FilePath) async throws {
        try await self.place.tools.run("debugfs", ["-R", "dump \(path) \(file)", self.name])
    }
}
