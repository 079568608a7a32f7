// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// One thing that was looked at on this host.
package struct Finding: Sendable, Hashable {
    package enum Weight: String, Sendable {
        case good
        /// Some feature would not work.
        case notice
        /// Machines would not boot.
        case trouble
    }

    package var weight: Weight
    package var subject: String
    package var words: String
    /// The command, or what to do, that mends it.
    package var remedy: String?

    package init(_ weight: Weight, _ subject: String, _ words: String, remedy: String? = nil) {
        self.weight = weight
        self.subject = subject
        self.words = words
        self.remedy = remedy
    }

    /// What `body` throws, as a finding.
    package static func of(
        _ subject: String, good: String, otherwise weight: Weight, _ body: () throws -> Void
    ) -> Finding {
        do {
            try body()
            return Finding(.good, subject, good)
        } catch {
            return Finding(weight, subject, "\(error)")
        }
    }

    package var text: String {
        let mark =
            switch self.weight {
            case .good: "ok"
            case .notice: "--"
            case .trouble: "!!"
            }
        let remedy = self.remedy.map { "\n      do: \($0)" } ?? ""
        return "\(mark)  \(self.subject): \(self.words)\(remedy)"
    }
}
