// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Something wrong in a configuration: where, what, and what to do about it.
package struct Problem: Hashable, Sendable, Codable, CustomStringConvertible, Error {
    package enum Severity: String, Hashable, Sendable, Codable {
        /// The configuration is refused, or the entry left out where the rest can run without it.
        case error
        /// It runs, but not all that is written takes effect.
        case warning
    }

    package var severity: Severity
    /// The JSON path of the value: `boot.clients[2].mac`.
    package var path: String
    package var cause: String
    package var remedy: String

    package init(severity: Severity, path: String, cause: String, remedy: String) {
        self.severity = severity
        self.path = path
        self.cause = cause
        self.remedy = remedy
    }

    package static func error(_ path: String, _ cause: String, _ remedy: String) -> Problem {
        Problem(severity: .error, path: path, cause: cause, remedy: remedy)
    }

    package static func warning(_ path: String, _ cause: String, _ remedy: String) -> Problem {
        Problem(severity: .warning, path: path, cause: cause, remedy: remedy)
    }

    package var description: String {
        "\(self.path): \(self.cause); \(self.remedy)"
    }
}
