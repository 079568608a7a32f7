// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import ImageBuilder
import Model
import SystemPackage

/// `apus image`: the disks that machines boot from.
struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Make, import, list, copy out and remove disk images.",
        subcommands: [
            ImageBuildCommand.self, ImageImportCommand.self, ImageListCommand.self, ImageInfoCommand.self,
            ImageRenameCommand.self, ImageRemoveCommand.self, ImageExportCommand.self, ImageDeployCommand.self,
        ])
}

/// Where the images are.
struct ImageFolderOption: ParsableArguments {
    @Option(help: ArgumentHelp("The folder of images and disks.", valueName: "folder"), completion: .directory)
    var state = "/var/lib/apus"

    var store: ImageStore { ImageStore(stateFolder: self.state) }
}

extension KernelFlavor: ExpressibleByArgument {}

struct ImageBuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build", abstract: "Make a bootable disk image from the packages of Debian or Ubuntu.",
        discussion: """
            The image boots under UEFI and BIOS, from an iSCSI LUN or by its kernel and initramfs. Nothing is mounted on \
            this host and no loop device is used. An image of an unchanged recipe is not built again.
            """)

    @Argument(help: "The image's name.")
    var name: String
    @Option(help: "The suite: bookworm, trixie, … of Debian; jammy, noble of Ubuntu.")
    var suite = "bookworm"
    @Option(help: "The disk's size, such as 4G or 800M (powers of 1024); the file is sparse.")
    var size = ByteSize(bytes: ImageRecipe.defaultSizeBytes)
    @Option(help: "The machine's host name; the image's name when not given.")
    var hostname: String?
    @Option(help: "Packages to add, separated by commas.")
    var packages: String?
    @Option(help: "The superuser's password.")
    var rootPassword: String?
    @Option(
        help: ArgumentHelp(
            "A file of SSH public keys for the superuser; adds an SSH server. May be repeated.", valueName: "file"))
    var sshKey: [String] = []
    @Option(help: ArgumentHelp("A script in place of the initramfs's /init-iscsi.sh.", valueName: "file"))
    var initScript: String?
    @OptionGroup var templates: TemplateOptions
    @Option(help: "The package archive; the distribution's own when not given.")
    var mirror: String?
    @Option(
        help: ArgumentHelp(
            "The keys that the archive is signed with; the distribution's own when not given.", valueName: "file"),
        completion: .file())
    var keyring: String?
    @Option(help: "generic boots on every machine; cloud is smaller and has no driver but virtio's.")
    var kernel = KernelFlavor.generic
    @Flag(help: "Build it even where there is one of the same recipe.")
    var rebuild = false
    @OptionGroup var folder: ImageFolderOption

    func run() async throws {
        let recipe = ImageRecipe(
            name: self.name, suite: self.suite, sizeBytes: self.size.bytes, hostname: self.hostname,
            packages: (self.packages ?? "").split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init),
            rootPassword: self.rootPassword, sshKeys: try self.sshKey.flatMap(TextFile.publicKeys),
            initScript: try self.initScript.map(TextFile.read), mirror: self.mirror,
            keyring: self.keyring, kernel: self.kernel, templates: try self.templates.read(self.folder))
        let store = self.folder.store
        let progress = BuildProgress(to: .standardOutput)
        try await progress.tell(of: store, again: "--rebuild") {
            try await ImageBuild(recipe, in: store, progress: progress).run(rebuilding: self.rebuild)
        }
    }
}

extension BuildProgress {
    /// Makes an image and says what came of it.
    /// - Parameter again: The option that makes it anew even so.
    func tell(of store: ImageStore, again: String, _ make: @Sendable @escaping () async throws -> ImageOutcome)
        async throws
    {
        let clock = ContinuousClock()
        let start = clock.now
        switch try await untilInterrupted(make) {
        case .made(let manifest):
            self.say(
                "image \(manifest.name): Linux \(manifest.kernelRelease), \(manifest.sizeBytes >> 20) MiB, "
                    + "made in \((clock.now - start).components.seconds) s, in \(store.folder(of: manifest.name))")
        case .unchanged(let manifest):
            self.say(
                "image \(manifest.name): of the same recipe since \(manifest.created), not made again "
                    + "(\(again) does), in \(store.folder(of: manifest.name))")
        }
    }
}

struct ImageListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the images.")

    @OptionGroup var folder: ImageFolderOption

    func run() throws {
        let entries = try self.folder.store.entries()
        guard !entries.isEmpty else {
            print("no images in \(self.folder.store.folder); \"apus image build\" makes one")
            return
        }
        let rows = entries.map { entry in
            [
                entry.manifest.name, entry.manifest.suite, entry.manifest.kernelRelease,
                ByteSize(bytes: entry.manifest.sizeBytes).description, ByteSize(bytes: entry.usedBytes).description,
                entry.manifest.created,
            ]
        }
        print(TextTable.format([["NAME", "SUITE", "KERNEL", "SIZE", "USED", "CREATED"]] + rows))
    }
}

struct ImageInfoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info", abstract: "Show an image, and whether it is whole.")

    @Argument(help: "The image's name.")
    var name: String
    @Flag(help: "Look at its file systems, its kernel and its initramfs too; the status is 1 where one is damaged.")
    var check = false
    @OptionGroup var folder: ImageFolderOption

    func run() async throws {
        let store = self.folder.store
        let entry = try store.existingEntry(self.name)
        let folder = store.folder(of: self.name)
        let manifest = entry.manifest
        var rows = [
            ["name", manifest.name],
            ["suite", "\(manifest.suite) (\(manifest.architecture))"],
            ["kernel", manifest.kernelRelease],
            ["host name", manifest.hostname],
            ["size", "\(ByteSize(bytes: manifest.sizeBytes)), \(ByteSize(bytes: entry.usedBytes)) used"],
            ["created", manifest.created],
            ["recipe", manifest.recipeHash],
            ["attached by", Self.words(manifest.attachment)],
            ["Secure Boot", Self.words(isSigned: manifest.isSigned)],
            ["arguments", manifest.kernelArguments.joined(separator: " ")],
            ["disk", folder.appending(ImageLayout.disk).string],
            ["kernel file", folder.appending(ImageLayout.kernel).string],
            ["initramfs", folder.appending(ImageLayout.initramfs).string],
        ]
        do {
            for (index, partition) in try await store.partitions(of: self.name).enumerated() {
                rows.append(["partition \(index + 1)", partition])
            }
        } catch let error as ImageError {
            rows.append(["partitions", error.message])
        }
        let findings = self.check ? try await store.check(self.name) : []
        for finding in findings { rows.append(["check: \(finding.subject)", finding.problem ?? "good"]) }
        print(TextTable.format(rows))
        if findings.contains(where: { $0.problem != nil }) {
            throw Failure(
                .failed,
                "image \(self.name) is damaged: build or import it anew; machines that have booted keep their disks")
        }
    }
}

extension ImageInfoCommand {
    private static func words(isSigned: Bool?) -> String {
        switch isSigned {
        case true?: "boot loader and kernel are signed: methods kernel and firmware"
        case false?: "boot loader or kernel is not signed: it does not start"
        case nil: "the boot loader is not signed: method kernel alone"
        }
    }

    /// How a machine's kernel learns what to attach.
    private static func words(_ attachment: [ImageManifest.Attachment]?) -> String {
        let ways = (attachment ?? ImageManifest.Attachment.allCases).map { way in
            switch way {
            case .arguments: "kernel arguments"
            case .ibft: "the firmware's or iPXE's table (iBFT)"
            }
        }
        return ways.isEmpty ? "nothing: it does not boot over iSCSI" : ways.joined(separator: ", ")
    }
}

struct ImageRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Delete an image; clients that boot it keep it from being removed.")

    @Argument(help: "The image's name.")
    var name: String
    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        try self.daemon.checkUnused(image: self.name)
        try ImageStore(stateFolder: self.daemon.state).remove(self.name)
        print("image \(self.name) removed")
    }
}

extension Failure {
    init(_ error: ImageError) {
        let status: ExitStatus =
            switch error.kind {
            case .badRecipe: .usage
            case .missingTool: .unavailable
            case .notPermitted: .noPermission
            case .noSpace: .cannotCreate
            case .busy: .tryAgain
            case .unknownImage: .unknownName
            case .damaged: .badData
            case .stepFailed: .failed
            case .inputOutput: .ioError
            }
        for line in error.lastWords { StandardError.write("    \(line)\n") }
        self.init(status, error.message)
    }
}
