// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import ControlAPI
import ImageBuilder

/// `apus doctor`: what on this host would stop a boot.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what on this host would stop a boot, and name the command that mends it.",
        discussion: """
            ok is well, -- is needed for some purposes only, !! stops machines from booting; with any of the last the \
            status is 1. Nothing is changed. Run it as the user that runs the daemon.
            """)

    @OptionGroup var options: DaemonOptions

    func run() async throws {
        let doctor = Doctor(
            client: ControlClient(socketPath: self.options.socket), configurationPath: self.options.config,
            stateFolder: self.options.state)
        var findings = await doctor.examine()
        findings.append(
            .of("building images", good: "its tools are installed", otherwise: .notice) {
                try RequiredTools.checkForBuilding()
            })
        for finding in findings { print(finding.text) }
        if findings.contains(where: { $0.weight == .trouble }) { throw ExitCode(1) }
    }
}
