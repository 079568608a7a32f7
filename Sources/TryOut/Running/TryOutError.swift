// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Why a machine could not be tried out, or did not start.
package struct TryOutError: Error, CustomStringConvertible, Sendable {
    package enum Kind: Sendable, Hashable {
        /// A program, or a file of one, is not installed.
        case missingTool
        case notPermitted
        /// The daemon of the try-out did not come up.
        case daemon
        /// The machine did not get to its login prompt.
        case notReached
        /// The command at the machine's console could not be run.
        case command
        case interrupted
    }

    package var kind: Kind
    /// One line: the cause and the remedy.
    package var description: String

    init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
