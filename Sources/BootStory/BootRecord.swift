// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// One boot of one machine, as far as the daemon could see it.
package struct BootRecord: Hashable, Sendable, Codable {
    /// The machine's boots are counted, from 1.
    package var number: Int
    package var begun: Instant
    package var entries: [Entry] = []
    /// Entries that were dropped from the middle to stay within bounds.
    package var omitted = 0
    /// What the machine's firmware said it is: "UEFI x86-64".
    package var firmware: String?
    package var method: String?
    package var address: String?
    /// The furthest stage reached.
    package var stage: Stage?
    /// Whether the machine's system has told that it is up.
    package var hasReported = false
    /// Whether the machine's system has told of an earlier boot that it was up, so that it can be missed.
    package var expectsReport = false
    package var sessions: [SessionRecord] = []

    /// One line of the timeline.
    package struct Entry: Hashable, Sendable, Codable {
        package var at: Instant
        package var stage: Stage
        package var text: String
        package var isTrouble: Bool
        /// How often the same was seen in a row, and when last.
        package var count = 1
        package var last: Instant
    }

    /// A session of this boot.
    package struct SessionRecord: Hashable, Sendable, Codable {
        package var id: UInt64
        package var party: Party
        package var begun: Instant
        package var bytesRead: UInt64 = 0
        package var bytesWritten: UInt64 = 0
        package var lastIO: Instant?
        package var ended: Instant?
    }

    init(number: Int, begun: Instant) {
        self.number = number
        self.begun = begun
    }

    /// The last moment at which the machine did anything.
    package var lastActivity: Instant {
        let entry = self.entries.last?.last ?? self.begun
        return self.sessions.compactMap(\.lastIO).reduce(entry, max)
    }

    package var bytesRead: UInt64 { self.sessions.reduce(0) { $0 &+ $1.bytesRead } }
    package var bytesWritten: UInt64 { self.sessions.reduce(0) { $0 &+ $1.bytesWritten } }

    /// How often the firmware got this boot file whole.
    func fetches(ofStage stage: Stage) -> Int {
        self.entries.reduce(0) { $1.stage == stage && !$1.isTrouble ? $0 + $1.count : $0 }
    }

    /// The kernel's session, while it lasts.
    package var liveSystemSession: SessionRecord? {
        self.sessions.last { !$0.party.isFirmware && $0.ended == nil }
    }

    /// What a change of is worth keeping; amounts of I/O alone are not.
    package struct Mark: Hashable, Sendable {
        var number: Int
        var entries: Int
        var last: Instant?
        var openSessions: Int
    }

    package var mark: Mark {
        Mark(
            number: self.number, entries: self.entries.count + self.omitted, last: self.entries.last?.last,
            openSessions: self.sessions.count { $0.ended == nil })
    }

    /// The boot as one that is over: sessions whose end nobody saw have ended with their last I/O.
    package var closed: BootRecord {
        var result = self
        for index in result.sessions.indices where result.sessions[index].ended == nil {
            result.sessions[index].ended = result.sessions[index].lastIO ?? result.sessions[index].begun
        }
        return result
    }

    /// What came of a boot that is over, in a few words.
    package var outcome: String {
        guard self.stage != .up else { return "up" }
        let past = self.closed
        let later = Instant(milliseconds: past.lastActivity.milliseconds + 3_600_000)
        if case .stalled(let diagnosis) = past.standing(at: later) {
            return "stopped before \(diagnosis.awaited.title): \(diagnosis.reason)"
        }
        return "came to \((self.stage ?? .discover).title)"
    }

    mutating func note(_ stage: Stage, _ text: String, at now: Instant, isTrouble: Bool = false) {
        if !isTrouble { self.stage = max(self.stage ?? stage, stage) }
        if let last = self.entries.indices.last, self.entries[last].text == text, self.entries[last].stage == stage {
            self.entries[last].count += 1
            self.entries[last].last = now
            return
        }
        self.entries.append(Entry(at: now, stage: stage, text: text, isTrouble: isTrouble, last: now))
        if self.entries.count > Limits.entriesPerBoot {
            // How it began and what it does now tell more than what lies between.
            self.entries.remove(at: Limits.entriesPerBoot / 2)
            self.omitted += 1
        }
    }
}
