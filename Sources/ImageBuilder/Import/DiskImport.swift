// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import Model
import SystemPackage

/// Makes an image of a whole disk that boots already, and tells what it lacks to do so over iSCSI.
struct DiskImport {
    let request: ImportRequest
    let progress: BuildProgress

    func run(_ file: FilePath, format: String, in place: ImageMaking.Place, hash: String) async throws -> ImageManifest
    {
        try await self.progress.step("disk from \(file.lastComponent?.string ?? file.string) (\(format))") {
            try await place.tools.run(
                "qemu-img", ["convert", "-f", format, "-O", "raw", "-S", "4k", file.string, place.disk.string])
            if let size = self.request.sizeBytes { try await self.grow(place.disk, to: size, place.tools) }
        }
        let inspection = try await self.progress.step("what is on it") {
            try await DiskInspection.of(place)
        }
        for gap in inspection.gaps { self.progress.say("  missing: \(gap)") }
        guard inspection.gaps.isEmpty || self.request.acceptsGaps else {
            throw ImageError(
                kind: .badRecipe,
                message: "this disk would not boot over iSCSI: \(inspection.gaps.count) "
                    + "thing\(inspection.gaps.count == 1 ? " is" : "s are") missing (above); mend it on a machine that "
                    + "has it, or import it all the same with --accept-gaps")
        }
        return ImageManifest(
            name: self.request.name, recipeHash: hash, suite: inspection.title, architecture: "amd64",
            hostname: inspection.hostname ?? self.request.name, kernelRelease: inspection.kernelRelease ?? "unknown",
            rootArgument: inspection.rootArgument ?? "",
            kernelArguments: inspection.rootArgument.map(BootLoader.kernelArguments) ?? [],
            attachment: inspection.attachment, argumentSlot: inspection.argumentSlot,
            isSigned: inspection.isSigned, sizeBytes: try Files.size(place.disk), created: Date().formatted(.iso8601))
    }

    private func grow(_ disk: FilePath, to size: UInt64, _ tools: Tools) async throws {
        let now = try Files.size(disk)
        guard size >= now else {
            throw ImageError(
                kind: .badRecipe, message: "the disk has \(now >> 20) MiB: --size can make it larger, not smaller")
        }
        try Files.resize(disk, to: (size >> 20) << 20)
        guard try Files.read(disk, at: 512, count: 8).elementsEqual("EFI PART".utf8) else { return }
        // The second partition table stands at the end of the disk, which has moved.
        try await tools.run("sfdisk", ["--quiet", "--relocate", "gpt-bak-std", disk.string])
    }
}
