// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import ControlAPI

/// `apus status`: what the daemon serves, and to whom.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what the daemon serves, and to whom.")

    @Flag(help: "As JSON.")
    var json = false

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let report = try await self.options.client.status()
        if self.json {
            StandardOutput.write(try JSONText.pretty(report))
        } else {
            StandardOutput.write(report.text)
        }
    }
}
