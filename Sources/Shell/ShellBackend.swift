// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ControlAPI
package import Model

/// Whoever owns the configuration: the daemon, or its file while no daemon runs.
package protocol ShellBackend: Sendable {
    /// Where the configuration is kept.
    var configurationPath: String { get }
    /// How many earlier ones are kept beside it.
    var versionsKept: Int { get }
    func configuration() async throws -> ConfigurationReport
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
}
