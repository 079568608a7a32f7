// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BootStory
package import Model

/// `GET /v1/configuration`.
package struct ConfigurationReport: Codable, Sendable, Hashable {
    /// Grows by one with every change; a change can ask to be made to this one only.
    package var generation: Int
    package var configuration: JSONValue

    package init(generation: Int, configuration: JSONValue) {
        self.generation = generation
        self.configuration = configuration
    }
}

/// `POST /v1/changes`.
package struct ChangeRequest: Codable, Sendable, Hashable {
    /// `Change.json`.
    package var change: JSONValue
    /// Refuses the change when the configuration is at another generation by then.
    package var expecting: Int?
    /// Says what would be done and does nothing.
    package var dryRun: Bool?
    /// Leaves out what cannot be served instead of refusing the change because of it.
    package var keepGoing: Bool?

    package init(_ change: Change, expecting: Int? = nil, dryRun: Bool = false, keepGoing: Bool = false) {
        self.change = change.json
        self.expecting = expecting
        self.dryRun = dryRun ? true : nil
        self.keepGoing = keepGoing ? true : nil
    }
}

/// What came of a change.
package struct ChangeReport: Codable, Sendable, Hashable {
    package var generation: Int
    /// What was done (or would be), in words.
    package var steps: [String]
    /// What the changed configuration still has problems with.
    package var problems: [Problem]
    /// Those of them that the configuration before had not.
    package var fresh: [Problem]
    /// What a verb of the shell says.
    package var messages: [String]
    /// The path in the tree of what `create` made.
    package var created: String?

    /// - Parameter earlier: the problems of the configuration before.
    package init(
        generation: Int, steps: [String], problems: [Problem], earlier: [Problem] = [],
        outcome: ChangedConfiguration? = nil
    ) {
        self.generation = generation
        let known = Set(earlier)
        self.fresh = problems.filter { !known.contains($0) }
        self.steps = steps
        self.problems = problems
        self.messages = outcome?.messages ?? []
        self.created = outcome?.created
    }
}

/// `GET /v1/history`: what the configuration was before.
package struct VersionReport: Codable, Sendable, Hashable {
    package var number: Int
    /// Until when it was the configuration.
    package var written: Instant

    package init(number: Int, written: Instant) {
        self.number = number
        self.written = written
    }
}

/// The body of every answer that is not 2xx.
package struct ErrorReport: Codable, Sendable, Hashable {
    package var error: String
    package var problems: [Problem]

    package init(error: String, problems: [Problem] = []) {
        self.error = error
        self.problems = problems
    }
}
