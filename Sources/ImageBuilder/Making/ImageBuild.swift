// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
import Model
import Subprocess
import SystemPackage

/// Makes an image from a distribution's packages.
package struct ImageBuild: Sendable {
    /// Kernel, packages, root file system and the initramfs's stage, with room to spare.
    private static let neededBytes: UInt64 = 3 << 30

    let recipe: ImageRecipe
    let store: ImageStore
    let progress: BuildProgress

    package init(_ recipe: ImageRecipe, in store: ImageStore, progress: BuildProgress) {
        self.recipe = recipe
        self.store = store
        self.progress = progress
    }

    /// - Parameter rebuilding: Whether it is built anew even from the same recipe, from what the archive has today.
    package func run(rebuilding: Bool) async throws -> ImageOutcome {
        let problems = self.recipe.problems()
        guard problems.isEmpty else {
            throw ImageError(kind: .badRecipe, message: problems.joined(separator: "; "))
        }
        try RequiredTools.checkForBuilding()
        try RequiredTools.check([(self.recipe.keyring, self.recipe.distribution.keyring.package)])
        try ImageMaking.checkIsSuperuser()
        return try await ImageMaking(
            name: self.recipe.name, store: self.store, progress: self.progress, neededBytes: Self.neededBytes
        ).run(
            remaking: rebuilding,
            recipeHash: { RecipeHash.of(self.recipe, toolVersions: try await RequiredTools.versions($0)) },
            self.build)
    }

    private func build(in place: ImageMaking.Place, hash: String) async throws -> ImageManifest {
        let ids = RecipeHash.identifiers(ofImage: self.recipe.name)
        let tools = place.tools
        let overlay = self.recipe.overlay
        try overlay.write(to: place.files)
        try LoginChoices(rootPassword: self.recipe.rootPassword, sshKeys: self.recipe.sshKeys).write(to: place.files)

        try await self.progress.step("packages: \(self.recipe.suite) from \(self.recipe.mirror)") {
            try await tools.run(
                "mmdebstrap",
                [
                    "--mode=root", "--variant=minbase", "--dpkgopt=force-unsafe-io", "--keyring=\(self.recipe.keyring)",
                    "--components=\(self.recipe.distribution.components)",
                    "--include=\(self.recipe.allPackages.joined(separator: ","))",
                    self.recipe.suite, place.root.string, self.recipe.mirror,
                ], contained: true, environment: ["INITRD": "No"])
        }
        try await self.progress.step("settings: host name, disks, services, login") {
            try await tools.run(
                "sh",
                [
                    place.files.appending("configure-root.sh").string, place.root.string, place.files.string,
                    self.recipe.hostname, ids.rootFilesystem,
                ], contained: true)
        }
        let release = try self.kernelRelease(in: place.root)
        try await self.progress.step("initramfs for Linux \(release)") {
            try await tools.run("cp", [place.root.appending("boot/vmlinuz-\(release)").string, place.kernel.string])
            try await RootInitramfs.make(release: release, in: place)
        }
        let arguments =
            BootLoader.kernelArguments(rootArgument: ids.rootArgument) + overlay.template.kernelArguments
        let assembly = DiskAssembly(
            place: place, layout: DiskLayout(sizeBytes: self.recipe.sizeBytes), ids: ids,
            kernelName: ImageLayout.kernel, initramfsName: ImageLayout.initramfs,
            title: "\(self.recipe.name) (\(self.recipe.suite), Linux \(release))", kernelArguments: arguments,
            timeoutSeconds: 2)
        let slot = try await assembly.run(self.progress)
        return ImageManifest(
            name: self.recipe.name, recipeHash: hash, suite: self.recipe.suite, architecture: "amd64",
            hostname: self.recipe.hostname, kernelRelease: release, rootArgument: ids.rootArgument,
            kernelArguments: arguments, attachment: [.arguments, .ibft], argumentSlot: slot,
            isSigned: KernelFile.isSignedByDebian(place.kernel), sizeBytes: assembly.layout.sizeBytes,
            created: Date().formatted(.iso8601))
    }

    private func kernelRelease(in root: FilePath) throws -> String {
        guard let release = RootInitramfs.kernels(in: root).last?.release else {
            throw ImageError(
                kind: .stepFailed,
                message: "the packages brought no kernel: does \(self.recipe.suite) have "
                    + "\(self.recipe.distribution.package(self.recipe.kernel))?")
        }
        return release
    }
}
