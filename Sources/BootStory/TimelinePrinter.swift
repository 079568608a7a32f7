// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Turns a machine's story, as it grows, into the lines that were not shown yet.
package struct TimelinePrinter {
    private var boot: Instant?
    private var shown = 0
    private var standing: String?

    package init() {}

    /// The new lines; empty where nothing that is worth a line has changed.
    package mutating func received(_ story: MachineStory, at now: Instant) -> String {
        guard let current = story.boots.last else {
            defer { self.standing = "" }
            return self.standing == nil ? "\(story.title)\n  nothing has been seen of it yet\n" : ""
        }
        var text = ""
        if self.boot != current.begun {
            self.boot = current.begun
            self.shown = 0
            self.standing = nil
            text += story.header(of: current)
        }
        // Entries that were dropped from the middle shift those after them.
        let first = max(0, self.shown - current.omitted)
        text += current.entries.dropFirst(first).map { $0.line(since: current.begun) }.joined()
        self.shown = current.entries.count + current.omitted
        let words = current.standing(at: now).words
        if words != self.standing {
            self.standing = words
            if words != "booting" { text += current.standingLine(at: now) }
        }
        return text
    }
}
