// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Why an image could not be made, read or removed.
package struct ImageError: Error, CustomStringConvertible, Sendable {
    package enum Kind: Sendable, Equatable {
        /// What was asked for makes no sense.
        case badRecipe
        /// A program or a part of one is not installed on this host.
        case missingTool
        case notPermitted
        case noSpace
        /// Somebody else is building the same image.
        case busy
        case unknownImage
        /// The files of an image are not what this program wrote.
        case damaged
        /// A tool ended with an error.
        case stepFailed
        case inputOutput
    }

    package var kind: Kind
    /// One line: the cause and the remedy.
    package var message: String
    /// The last words of the tool that failed.
    package var lastWords: [String] = []

    package var description: String { self.message }
}
