// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import ControlAPI
import Model

extension VersionReport {
    init(_ version: ConfigurationFile.Version) {
        self.init(number: version.number, written: Instant(milliseconds: version.modifiedSeconds * 1000))
    }
}

extension ConfigurationFile {
    func report(ofVersion number: Int) throws(FileProblem) -> ConfigurationReport {
        let versions = self.history()
        guard let version = versions.first(where: { $0.number == number }) else {
            let known =
                versions.isEmpty ? "there is none yet" : "there are \(versions[0].number) to \(self.generation - 1)"
            throw FileProblem(.missing, "there is no earlier version \(number) of \(self.path); \(known)")
        }
        return ConfigurationReport(
            generation: number, configuration: try self.load(version).json)
    }
}
