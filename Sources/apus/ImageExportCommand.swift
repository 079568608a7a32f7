// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import ImageBuilder
import Model
import SystemPackage

extension ExportFormat: ExpressibleByArgument {}

struct ImageExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write an image's disk to a file for other programs.")

    @Argument(help: "The image's name.")
    var name: String
    @Option(help: "The file's format.")
    var format = ExportFormat.raw
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The file; NAME.img, NAME.qcow2 or NAME.vhdx when not given.", valueName: "file"),
        completion: .file())
    var output: String?
    @OptionGroup var folder: ImageFolderOption

    func run() async throws {
        let file = FilePath(self.output ?? "\(self.name).\(self.format == .raw ? "img" : self.format.rawValue)")
        let (store, name, format) = (self.folder.store, self.name, self.format)
        let progress = BuildProgress(to: .standardOutput)
        try await untilInterrupted { try await store.export(name, as: format, to: file, progress: progress) }
        progress.say("image \(name) written to \(file)")
    }
}

struct ImageRenameCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rename", abstract: "Give an image another name; clients that boot it keep it from being renamed.")

    @Argument(help: "The image's name.")
    var name: String
    @Argument(help: "Its new name.")
    var newName: String
    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        try self.daemon.checkUnused(image: self.name)
        try ImageStore(stateFolder: self.daemon.state).rename(self.name, to: self.newName)
        print("image \(self.name) is called \(self.newName) now")
    }
}

extension DaemonOptions {
    /// Refuses what would take an image away from clients that boot it.
    func checkUnused(image name: String) throws {
        let (configuration, _) = try ConfigurationFile(path: self.config).load()
        let users =
            configuration.boot.resolvedClients.filter { $0.source == .image(name) }.map(\.name)
            + configuration.boot.groups.filter { $0.settings.source == .image(name) }.map { "group \($0.name)" }
        guard users.isEmpty else {
            throw Failure(
                .tryAgain,
                "image \(name) is what \(users.joined(separator: ", ")) boots; give that another one first: "
                    + "apus client set")
        }
    }
}
