// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Glibc
import ImageBuilder
import Initiator
import Model
import SystemPackage

struct ImageDeployCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy", abstract: "Write an image to a LUN of any iSCSI target: no root, no initiator needed.",
        discussion: """
            Only what is used is sent; the rest is made zero by the target itself. What was written is read back and \
            compared. A lost connection is opened again; after an interruption --resume writes only what is missing.

            Examples:
              apus image deploy lab iscsi://192.168.1.1/iqn.2026-11.org.example:disk/0
              apus image deploy ./disk.img 'iscsi://user%secret@nas/iqn.2026-11.org.example:disk/1' --resume
            """)

    @Argument(help: "An image's name, or a raw image's file.", completion: .file())
    var image: String
    @Argument(help: "iscsi://[user[%secret]@]host[:port]/target/lun")
    var url: TargetURL
    @Flag(help: "Read first and write what differs: goes on after an interruption, or brings a new version.")
    var resume = false
    @Flag(help: "The LUN reads as zeroes already: leave what is unused in the image as it is.")
    var blank = false
    @Flag(inversion: .prefixedNo, help: "Read everything back and compare.")
    var verify = true
    @OptionGroup var folder: ImageFolderOption
    @OptionGroup var arguments: InitiatorArguments

    func validate() throws {
        guard self.url.target != nil else { throw ValidationError("\(self.url.shown): the URL names no target") }
    }

    func run() async throws {
        var settings = DeployRun.Settings()
        settings.comparesFirst = self.resume
        settings.skipsHoles = self.blank
        settings.verifies = self.verify
        let clock = ContinuousClock()
        let start = clock.now
        let run = DeployRun(try self.path(), to: self.url, settings, options: self.arguments.options)
        let line = ProgressLine()
        let report = try await untilInterrupted {
            try await run.run { progress in
                line.show(
                    "\(progress.stage.rawValue): \(ByteSize(bytes: UInt64(progress.doneBytes))) of "
                        + "\(ByteSize(bytes: UInt64(progress.totalBytes)))",
                    part: Double(progress.doneBytes) / Double(max(1, progress.totalBytes)))
            }
        }
        line.end()
        print(Self.summary(report, to: self.url, seconds: (clock.now - start).components.seconds))
    }

    /// A file is one that has a slash in its name or is there; anything else names an image.
    private func path() throws -> String {
        let isThere = unsafe access(self.image, F_OK) == 0
        if isThere || self.image.contains("/") { return self.image }
        let store = self.folder.store
        return store.folder(of: try store.existingEntry(self.image).manifest.name).appending(ImageLayout.disk).string
    }

    private static func summary(_ report: DeployRun.Report, to url: TargetURL, seconds: Int64) -> String {
        func size(_ bytes: Int) -> String { ByteSize(bytes: UInt64(bytes)).description }
        var parts = ["\(size(report.writtenBytes)) written", "\(size(report.zeroedBytes)) zeroed"]
        if report.unchangedBytes > 0 { parts.append("\(size(report.unchangedBytes)) right already") }
        parts.append(report.verifiedBytes > 0 ? "\(size(report.verifiedBytes)) verified" : "not verified")
        if report.reconnections > 0 { parts.append("\(report.reconnections) lost connections") }
        return "\(url.shown): \(size(report.imageBytes)): \(parts.joined(separator: ", ")), in \(seconds) s"
    }
}
