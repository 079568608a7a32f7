// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import SystemPackage

/// Makes a disk that boots under UEFI and BIOS of a folder of files, a kernel and an initramfs.
struct DiskAssembly {
    let place: ImageMaking.Place
    let layout: DiskLayout
    let ids: ImageIdentifiers
    /// The names of kernel and initramfs at the top of the EFI System Partition.
    let kernelName: String
    let initramfsName: String
    /// What GRUB's menu says, but for the kernel's and the initramfs's names.
    let title: String
    let kernelArguments: [String]
    let timeoutSeconds: Int
    /// A boot loader for UEFI to be used as it is; nil for Debian's signed ones.
    var loader: (file: FilePath, path: String)?

    /// - Returns: Where a machine's own arguments go.
    func run(_ progress: BuildProgress) async throws -> ArgumentSlot {
        try await progress.step("disk: \(self.layout.sizeBytes >> 20) MiB, partitions, root file system") {
            try await self.makePartitions()
        }
        return try await progress.step("boot loader for UEFI and BIOS") { try await self.installLoader() }
    }

    /// Partitions the disk and fills the root file system.
    private func makePartitions() async throws {
        let disk = self.place.disk
        try Files.makeSparse(disk, sizeBytes: self.layout.sizeBytes)
        try await self.place.tools.run(
            "sfdisk", ["--quiet", disk.string], input: self.layout.sfdiskScript(ids: self.ids))
        // The file is all zeroes, so that inode tables and journal need no writing.
        try await self.place.tools.run(
            "mke2fs",
            [
                "-q", "-F", "-t", "ext4", "-L", "root", "-U", self.ids.rootFilesystem, "-m", "1", "-d",
                self.place.root.string, "-E",
                "offset=\(self.layout.root.offsetBytes),root_owner=0:0,assume_storage_prezeroed=1", disk.string,
                "\(self.layout.root.sizeBytes / 1024)k",
            ])
    }

    /// Makes the boot loaders and fills the EFI System Partition.
    private func installLoader() async throws -> ArgumentSlot {
        let tools = self.place.tools
        let early = self.place.work.appending("early.cfg")
        let configuration = self.place.work.appending("grub.cfg")
        try Files.write(
            Array(BootLoader.earlyConfiguration(espVolume: self.ids.espVolumeName).utf8), to: early,
            mode: [.ownerReadWrite])
        try Files.write(
            Array(
                BootLoader.configuration(
                    title: self.title, kernel: self.kernelName, initramfs: self.initramfsName,
                    arguments: self.kernelArguments, timeoutSeconds: self.timeoutSeconds
                ).utf8), to: configuration, mode: [.ownerReadWrite])
        try await self.installBIOSLoader(early: early)
        let efi = try self.efiFiles()

        try await tools.run(
            "mkfs.vfat",
            [
                "-F", "32", "-s", "1", "-n", "ESP", "-i", self.ids.espVolume, "--offset",
                "\(self.layout.esp.firstSector)", self.place.disk.string, "\(self.layout.esp.sizeBytes / 1024)",
            ])
        let volume = FATVolume(disk: self.place.disk, partition: self.layout.esp)
        try await tools.run("mmd", ["-i", volume.name, "::EFI", "::EFI/BOOT", "::EFI/debian"])
        for (source, target) in [
            (configuration, BootLoader.configurationPath), (self.place.kernel, self.kernelName),
            (self.place.initramfs, self.initramfsName),
        ] + efi {
            try await tools.run("mcopy", ["-i", volume.name, source.string, "::\(target)"])
        }
        let slot = ArgumentSlot(offsetBytes: try await volume.offset(of: BootLoader.configurationPath, tools))
        guard slot.isLine(try Files.read(self.place.disk, at: slot.offsetBytes, count: slot.lineBytes)) else {
            throw ImageError(kind: .stepFailed, message: "mtools put grub.cfg where it was not expected")
        }
        return slot
    }

    private func installBIOSLoader(early: FilePath) async throws {
        let core = self.place.work.appending("core.img")
        try await self.place.tools.run(
            "grub-mkimage", BootLoader.biosImageArguments(earlyConfiguration: early.string, output: core.string))
        try Files.write(
            try BIOSLoader.bootCode(
                bootImage: try Files.read(FilePath(RequiredTools.biosBootImage)),
                coreSector: self.layout.biosBoot.firstSector),
            into: self.place.disk, at: 0)
        try Files.write(
            try BIOSLoader.core(coreImage: try Files.read(core), at: self.layout.biosBoot), into: self.place.disk,
            at: self.layout.biosBoot.offsetBytes)
    }

    /// What UEFI starts, and where it goes.
    private func efiFiles() throws -> [(file: FilePath, path: String)] {
        if let loader = self.loader { return [loader] }
        let configuration = self.place.work.appending("signed.cfg")
        try Files.write(
            Array(BootLoader.signedConfiguration(espVolume: self.ids.espVolumeName).utf8), to: configuration,
            mode: [.ownerReadWrite])
        return [
            (FilePath(BootLoader.shim), BootLoader.efiPath),
            (FilePath(BootLoader.signedGRUB), BootLoader.signedPath),
            (configuration, BootLoader.signedConfigurationPath),
        ]
    }
}
