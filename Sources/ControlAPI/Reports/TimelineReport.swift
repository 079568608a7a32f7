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
