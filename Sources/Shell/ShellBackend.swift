// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ControlAPI
package import Model

/// Whoever owns the configuration: the daemon, or its file while no daemon runs.
package protocol ShellBackend: Sendable {
    /// Where the configuration is kept.
    var configurationPath: String { get }
    func configuration() async throws -> ConfigurationReport
    /// Makes a change, or throws why not: a `ShellError` where that is what the user asked for.
    func change(_ request: ChangeRequest) async throws -> ChangeReport
    /// The change that puts the configuration of a file in the place of the present one.
    func change(from path: String) throws -> Change
    /// Writes a configuration, secrets included, to another file, which only its owner may read.
    func save(_ configuration: Configuration, to path: String) throws
    /// The size of a file or device of this host; nil where it cannot be found out.
    func bytes(of path: String) async -> UInt64?
    /// Nil while no daemon runs.
    func status() async throws -> StatusReport?
}

/// Why a line of the shell did nothing.
package struct ShellError: Error, Sendable, CustomStringConvertible {
    package var description: String

    package init(_ description: String) {
        self.description = description
    }

    /// What a changed configuration would have wrong, a line each; where in its file is nothing to a user of the shell.
    package init(_ problems: [Problem]) {
        self.description = problems.map { "\($0.cause); \($0.remedy)" }.joined(separator: "\n")
    }
}
