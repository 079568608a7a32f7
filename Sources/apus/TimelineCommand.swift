// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import BootStory
import ControlAPI
import NIOCore

/// `apus timeline`: where a boot stands or stopped, and why.
struct TimelineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeline", abstract: "Show where a machine's boot stands or stopped, and why.",
        discussion: """
            Examples:
              apus timeline pc1
              apus timeline pc1 --follow        line by line as it happens; ^C ends it
              apus timeline pc1 --history       its boots, with what came of each
              apus timeline pc1 --boot 12       one of them
            """)

    @Argument(help: "The machine's name.")
    var client: String

    @Flag(help: "Go on showing what happens.")
    var follow = false

    @Flag(help: "List the machine's boots.")
    var history = false

    @Option(help: ArgumentHelp("Show an earlier boot.", valueName: "number"))
    var boot: Int?

    @Flag(help: "As JSON; with --follow a line for each change.")
    var json = false

    @OptionGroup var options: DaemonOptions

    func validate() throws {
        guard [self.follow, self.history, self.boot != nil].count(where: { $0 }) <= 1 else {
            throw ValidationError("--follow, --history and --boot exclude each other")
        }
    }

    func run() async throws {
        if self.history { return try await self.list() }
        guard self.follow else { return try await self.show() }
        var printer = TimelinePrinter()
        try await self.options.client.follow(timelineOf: self.client) { report in
            if self.json {
                var line = try JSONText.line(report)
                line.writeString("\n")
                StandardOutput.write(line)
            } else {
                StandardOutput.write(printer.received(report.story, at: report.now))
            }
            return true
        }
    }

    private func list() async throws {
        let boots = try await self.options.client.boots(of: self.client)
        if self.json {
            StandardOutput.write(try JSONText.pretty(boots))
        } else if boots.isEmpty {
            print("no boot of \(self.client) has been seen")
        } else {
            let rows = boots.map { boot in
                ["\(boot.number)", "\(boot.begun)", boot.firmware ?? "-", boot.method ?? "-", boot.outcome]
            }
            print(TextTable.format([["BOOT", "BEGUN", "FIRMWARE", "METHOD", "CAME TO"]] + rows))
        }
    }

    private func show() async throws {
        let client = try self.options.client
        let report =
            if let boot { try await client.timeline(of: self.client, boot: boot) } else {
                try await client.timeline(of: self.client)
            }
        if self.json {
            StandardOutput.write(try JSONText.pretty(report))
        } else if let past = report.story.boots.first, self.boot != nil {
            let story = try await client.timeline(of: self.client).story
            let isLast = past.number == story.boots.last?.number
            StandardOutput.write(
                isLast ? report.story.timeline(at: report.now) : report.story.timeline(ofPast: past))
        } else {
            StandardOutput.write(report.story.timeline(at: report.now))
        }
    }
}
