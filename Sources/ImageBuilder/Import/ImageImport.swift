// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Crypto
import FoundationEssentials
import Model
import SystemPackage

/// What is to be made of something that exists, as its user asked for it.
package struct ImportRequest: Sendable {
    package var name: String
    package var source: ImportSource
    /// The disk's size; nil for one with room to spare.
    package var sizeBytes: UInt64?
    /// nil for the root's own, or else the image's name.
    package var hostname: String?
    package var rootPassword: String?
    package var sshKeys: [String]
    package var kernelArguments: [String]
    /// What a root file system gets in addition; it brings the packages itself.
    package var templates: [ImageTemplate]
    /// Import a disk even where something that an iSCSI root needs was not found on it.
    package var acceptsGaps: Bool

    package init(
        name: String, source: ImportSource, sizeBytes: UInt64? = nil, hostname: String? = nil,
        rootPassword: String? = nil, sshKeys: [String] = [], kernelArguments: [String] = [],
        templates: [ImageTemplate] = [], acceptsGaps: Bool = false
    ) {
        self.name = name
        self.source = source
        self.sizeBytes = sizeBytes
        self.hostname = hostname
        self.rootPassword = rootPassword
        self.sshKeys = sshKeys
        self.kernelArguments = kernelArguments
        self.templates = templates
        self.acceptsGaps = acceptsGaps
    }

    /// Whether something in the root file system is to be changed.
    private var setsUpRoot: Bool {
        self.hostname != nil || self.rootPassword != nil || !self.sshKeys.isEmpty || !self.templates.isEmpty
    }

    /// Everything that is wrong with it, a line each.
    func problems() -> [String] {
        var recipe = ImageRecipe(
            name: self.name, suite: "import", sizeBytes: self.sizeBytes ?? ImageRecipe.defaultSizeBytes,
            rootPassword: self.rootPassword, sshKeys: self.sshKeys, templates: self.templates)
        if let hostname = self.hostname { recipe.hostname = hostname } else { recipe.hostname = "host" }
        // Who may log in to what exists is that system's own affair.
        if self.rootPassword == nil, self.sshKeys.isEmpty { recipe.rootPassword = "-" }
        var problems = recipe.problems()
        if case .disk = self.source {
            if self.setsUpRoot {
                problems.append(
                    "a disk is imported as it is: host name, login and templates are for root file systems")
            }
            if !self.kernelArguments.isEmpty {
                problems.append("a disk's own boot loader has its kernel arguments: change them there")
            }
        }
        if case .deployFolder = self.source, self.setsUpRoot {
            problems.append(
                "a build's root file system is imported as it is: set host name, login and features in the build")
        }
        for argument in self.kernelArguments where argument.utf8.contains(where: { $0 <= 0x20 }) || argument.isEmpty {
            problems.append("\"\(argument)\" is not one kernel argument")
        }
        return problems
    }
}

/// Makes an image of something that exists.
package struct ImageImport: Sendable {
    /// Room for the unpacked root and the disk, with some to spare.
    private static let neededBytes: UInt64 = 2 << 30

    let request: ImportRequest
    let store: ImageStore
    let progress: BuildProgress

    package init(_ request: ImportRequest, in store: ImageStore, progress: BuildProgress) {
        self.request = request
        self.store = store
        self.progress = progress
    }

    /// - Parameter again: Whether it is made anew even if nothing that it is made of has changed.
    package func run(again: Bool) async throws -> ImageOutcome {
        let problems = self.request.problems()
        guard problems.isEmpty else {
            throw ImageError(kind: .badRecipe, message: problems.joined(separator: "; "))
        }
        try RequiredTools.check(self.tools)
        if case .disk = self.request.source {} else { try ImageMaking.checkIsSuperuser() }
        return try await ImageMaking(
            name: self.request.name, store: self.store, progress: self.progress, neededBytes: Self.neededBytes
        ).run(
            remaking: again, recipeHash: { _ in try self.hash() }
        ) { place, hash in
            switch self.request.source {
            case .disk(let file, let format):
                try await DiskImport(request: self.request, progress: self.progress)
                    .run(file, format: format, in: place, hash: hash)
            case .deployFolder(let folder):
                try await DeployFolderImport(request: self.request, progress: self.progress)
                    .run(folder, in: place, hash: hash)
            case .tarball, .folder, .container:
                try await RootImport(request: self.request, progress: self.progress).run(in: place, hash: hash)
            }
        }
    }

    private var tools: [RequiredTools.Tool] {
        switch self.request.source {
        case .disk: RequiredTools.disks
        case .deployFolder: RequiredTools.disk + RequiredTools.archives
        case .tarball, .folder: RequiredTools.disk + RequiredTools.initramfs + RequiredTools.archives
        case .container: RequiredTools.disk + RequiredTools.initramfs + RequiredTools.containers
        }
    }

    private func hash() throws -> String {
        var words = ["apus import 1", self.request.source.description, "\(self.request.sizeBytes ?? 0)"]
        words += [self.request.hostname ?? "", self.request.rootPassword ?? ""]
        words += self.request.sshKeys + self.request.kernelArguments
        for template in self.request.templates { words.append("\(template)") }
        for file in self.request.source.files { words.append(try Files.fingerprint(file)) }
        return ImageIdentifiers.hexadecimal(SHA256.hash(data: Array(words.joined(separator: "\n").utf8)))
    }
}

extension DiskLayout {
    /// A disk with room for a root file system of some size.
    ///
    /// - Parameters:
    ///   - wanted: What the user asked for; nil for twice what is needed, but never less than usual.
    ///   - espContentBytes: What the EFI System Partition is to hold.
    static func fitting(
        rootBytes: UInt64, espContentBytes: UInt64, wanted: UInt64?
    ) throws(ImageError) -> DiskLayout {
        // A second kernel with its initramfs finds room, too.
        let esp = max(Self.standardESPBytes, ((2 * espContentBytes) >> 20 + 16) << 20)
        let least = max(Self.smallestDiskBytes, 2 * esp, rootBytes + rootBytes / 8 + esp + (64 << 20))
        let size = wanted ?? max(ImageRecipe.defaultSizeBytes, ((2 * rootBytes + esp) >> 30 + 1) << 30)
        guard size >= least else {
            throw ImageError(
                kind: .badRecipe,
                message:
                    "a disk of \(size >> 20) MiB is too small for what is imported: --size \(least >> 20 + 1)M or more")
        }
        return DiskLayout(sizeBytes: size, espBytes: esp)
    }
}
