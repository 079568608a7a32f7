// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BootStory
package import NIOCore

/// One event of `GET /v1/events`.
package struct EventReport: Codable, Sendable, Hashable {
    package enum Kind: String, Codable, Sendable {
        /// The configuration is another one; `subject` is its version.
        case configuration
        /// A session began, ended or was refused; `subject` is the initiator's name.
        case login, logout, refused
    }

    /// Grows by one with each event: a gap tells a listener that it was too slow.
    package var id: Int
    package var at: Instant
    package var kind: Kind
    package var subject: String
    package var words: String

    package init(id: Int, at: Instant, kind: Kind, subject: String, words: String) {
        self.id = id
        self.at = at
        self.kind = kind
        self.subject = subject
        self.words = words
    }

    /// As an event stream has it (HTML Living Standard, server-sent events).
    package func eventStream() throws -> ByteBuffer {
        var text = ByteBuffer(string: "id: \(self.id)\nevent: \(self.kind.rawValue)\ndata: ")
        var line = try JSONText.line(self)
        text.writeBuffer(&line)
        text.writeString("\n\n")
        return text
    }
}
