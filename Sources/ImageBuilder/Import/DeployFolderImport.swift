// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import Model
import SystemPackage

/// Makes an image of the outputs of a Wind River Linux build, laid out as that system's documentation has it: partition 1
/// with `EFI/BOOT/bootx64.efi`, `EFI/BOOT/grub.cfg`, `bzImage` and the initramfs, partition 2 with the root file system
/// as it was built.
struct DeployFolderImport {
    /// The initramfs of such a build finds its disk by the name that the kernel gives the first one.
    static let rootArgument = "root=/dev/sda2"

    let request: ImportRequest
    let progress: BuildProgress

    func run(_ folder: DeployFolder, in place: ImageMaking.Place, hash: String) async throws -> ImageManifest {
        try await self.progress.step("root file system from \(folder.rootfs.lastComponent?.string ?? "")") {
            try await RootImport.unpack(folder.rootfs, in: place)
        }
        try await place.tools.run("cp", ["--dereference", folder.kernel.string, place.kernel.string])
        try await place.tools.run("cp", ["--dereference", folder.initramfs.string, place.initramfs.string])
        let arguments =
            [Self.rootArgument, "rw", "rootwait", "console=ttyS0,\(BootLoader.serialSpeed)", "ip=dhcp"]
            + self.request.kernelArguments
        let assembly = DiskAssembly(
            place: place,
            layout: try .fitting(
                rootBytes: try await RootImport.size(of: place.root, place.tools),
                espContentBytes: try Files.size(place.kernel) + Files.size(place.initramfs),
                wanted: self.request.sizeBytes),
            ids: RecipeHash.identifiers(ofImage: self.request.name), kernelName: "bzImage",
            initramfsName: folder.initramfs.lastComponent?.string ?? ImageLayout.initramfs,
            title: "WRLinux iSCSI boot", kernelArguments: arguments, timeoutSeconds: 5,
            loader: folder.loader.map { ($0, "EFI/BOOT/bootx64.efi") })
        let slot = try await assembly.run(self.progress)
        return ImageManifest(
            name: self.request.name, recipeHash: hash, suite: RootFacts.title(of: place.root), architecture: "amd64",
            hostname: RootFacts.hostname(of: place.root) ?? self.request.name,
            kernelRelease: KernelFile.release(of: place.kernel) ?? "unknown", rootArgument: Self.rootArgument,
            kernelArguments: arguments, attachment: [.arguments], argumentSlot: slot,
            isSigned: folder.loader == nil && KernelFile.isSignedByDebian(place.kernel),
            sizeBytes: assembly.layout.sizeBytes, created: Date().formatted(.iso8601))
    }
}
