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
            """)

    @Argument(help: "The machine's name.")
    var client: String

    @Flag(help: "Go on showing what happens.")
    var follow = false

    @Flag(help: "As JSON; with --follow a line for each change.")
    var json = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        guard self.follow else {
            let report = try await self.options.client.timeline(of: self.client)
            if self.json {
                StandardOutput.write(try JSONText.pretty(report))
            } else {
                StandardOutput.write(report.story.timeline(at: report.now))
            }
            return
        }
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
}
