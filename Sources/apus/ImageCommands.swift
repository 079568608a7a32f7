// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import ImageBuilder
import Model
import SystemPackage

/// `apus image`: the disks that machines boot from.
struct ImageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Make, list and remove disk images.",
        subcommands: [
            ImageBuildCommand.self, ImageListCommand.self, ImageInfoCommand.self, ImageRemoveCommand.self,
            ImageDeployCommand.self,
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
        commandName: "build", abstract: "Make a bootable disk image from Debian's packages.",
        discussion: """
            The image boots under UEFI and BIOS, from an iSCSI LUN or by its kernel and initramfs. Nothing is mounted on \
            this host and no loop device is used. An image of an unchanged recipe is not built again.
            """)

    @Argument(help: "The image's name.")
    var name: String
    @Option(help: "The Debian suite, such as bookworm.")
    var suite = "bookworm"
    @Option(help: "The disk's size, such as 4G or 800M (powers of 1024); the file is sparse.")
    var size = ByteSize(bytes: ImageRecipe.defaultSizeBytes)
    @Option(help: "The machine's host name; the image's name when not given.")
    var hostname: String?
    @Option(help: "Debian packages to add, separated by commas.")
    var packages: String?
    @Option(help: "The superuser's password.")
    var rootPassword: String?
    @Option(
        help: ArgumentHelp(
            "A file of SSH public keys for the superuser; adds an SSH server. May be repeated.", valueName: "file"))
    var sshKey: [String] = []
    @Option(help: ArgumentHelp("A script in place of the initramfs's /init-iscsi.sh.", valueName: "file"))
    var initScript: String?
    @Option(help: "The package archive.")
    var mirror = ImageRecipe.defaultMirror
    @Option(help: "generic boots on every machine; cloud is smaller and has no driver but virtio's.")
    var kernel = KernelFlavor.generic
    @Flag(help: "Build it even where there is one of the same recipe.")
    var rebuild = false
    @OptionGroup var folder: ImageFolderOption

    func run() async throws {
        let recipe = ImageRecipe(
            name: self.name, suite: self.suite, sizeBytes: self.size.bytes, hostname: self.hostname,
            packages: (self.packages ?? "").split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init),
            rootPassword: self.rootPassword, sshKeys: try self.sshKey.flatMap(Self.keys(in:)),
            initScript: try self.initScript.map(TextFile.read), mirror: self.mirror, kernel: self.kernel)
        let store = self.folder.store
        let progress = BuildProgress(to: .standardOutput)
        let clock = ContinuousClock()
        let start = clock.now
        let outcome = try await untilInterrupted {
            try await ImageBuild(recipe, in: store, progress: progress).run(rebuilding: self.rebuild)
        }
        switch outcome {
        case .built(let manifest):
            progress.say(
                "image \(manifest.name): Linux \(manifest.kernelRelease), \(manifest.sizeBytes >> 20) MiB, "
                    + "made in \((clock.now - start).components.seconds) s, in \(store.folder(of: manifest.name))")
        case .unchanged(let manifest):
            progress.say(
                "image \(manifest.name): of the same recipe since \(manifest.created), not built again "
                    + "(--rebuild does), in \(store.folder(of: manifest.name))")
        }
    }

    /// The lines of a file of public keys that are not empty and not comments.
    private static func keys(in path: String) throws -> [String] {
        let keys = try TextFile.read(path).split(separator: "\n").map { $0.trimmingPrefix(while: { $0 == " " }) }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }.map(String.init)
        guard !keys.isEmpty else { throw Failure(.badData, "\(path) has no SSH public key") }
        return keys
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

struct ImageInfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "info", abstract: "Show an image.")

    @Argument(help: "The image's name.")
    var name: String
    @OptionGroup var folder: ImageFolderOption

    func run() throws {
        let store = self.folder.store
        let entry = try store.existingEntry(self.name)
        let folder = store.folder(of: self.name)
        let manifest = entry.manifest
        print(
            TextTable.format([
                ["name", manifest.name],
                ["suite", "\(manifest.suite) (\(manifest.architecture))"],
                ["kernel", manifest.kernelRelease],
                ["host name", manifest.hostname],
                ["size", "\(ByteSize(bytes: manifest.sizeBytes)), \(ByteSize(bytes: entry.usedBytes)) used"],
                ["created", manifest.created],
                ["recipe", manifest.recipeHash],
                ["arguments", manifest.kernelArguments.joined(separator: " ")],
                ["disk", folder.appending(ImageLayout.disk).string],
                ["kernel file", folder.appending(ImageLayout.kernel).string],
                ["initramfs", folder.appending(ImageLayout.initramfs).string],
            ]))
    }
}

struct ImageRemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Delete an image; clients that boot it keep it from being removed.")

    @Argument(help: "The image's name.")
    var name: String
    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        let (configuration, _) = try ConfigurationFile(path: self.daemon.config).load()
        let users = configuration.boot.clients.filter { $0.source == .image(self.name) }.map(\.name)
        guard users.isEmpty else {
            throw Failure(
                .tryAgain,
                "image \(self.name) is what \(users.joined(separator: ", ")) boots; give that another one first: "
                    + "apus client set")
        }
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
