// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BootStory

/// `GET /v1/clients/{name}/timeline`, and each line of the stream that `?follow=true` makes of it.
package struct TimelineReport: Codable, Sendable, Hashable {
    package var now: Instant
    package var story: MachineStory

    package init(now: Instant, story: MachineStory) {
        self.now = now
        self.story = story
    }
}

/// `POST /v1/clients/{name}/milestones`: what somebody who sees the machine has to tell.
package struct MilestoneReport: Codable, Sendable, Hashable {
    package var milestone: Milestone

    package init(milestone: Milestone) {
        self.milestone = milestone
    }
}

/// `GET /v1/clients/NAME/boots`: a boot in short.
package struct BootSummary: Codable, Sendable, Hashable {
    package var number: Int
    package var begun: Instant
    package var firmware: String?
    package var method: String?
    package var address: String?
    /// The furthest stage that it reached.
    package var stage: Stage?
    package var entries: Int
    /// Where it stands, or what came of it.
    package var outcome: String

    package init(
        number: Int, begun: Instant, firmware: String?, method: String?, address: String?, stage: Stage?, entries: Int,
        outcome: String
    ) {
        self.number = number
        self.begun = begun
        self.firmware = firmware
        self.method = method
        self.address = address
        self.stage = stage
        self.entries = entries
        self.outcome = outcome
    }
}
