// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import ISCSIServer

/// How fast sessions are, from their counters as they were looked at twice.
struct SessionRates {
    struct Rate {
        var commands = 0.0
        var bytesRead = 0.0
        var bytesWritten = 0.0
    }

    private struct Sample {
        var at: Instant
        var commands: UInt64
        var bytesRead: UInt64
        var bytesWritten: UInt64
        var rate: Rate?
    }

    private var samples: [UInt64: Sample] = [:]

    /// Takes in what the counters say now; sessions that are not among them are forgotten.
    mutating func look(at sessions: [SessionSnapshot], at now: Instant) {
        let before = self.samples
        self.samples = [:]
        for session in sessions {
            var sample = Sample(
                at: now, commands: session.commands, bytesRead: session.bytesRead,
                bytesWritten: session.bytesWritten)
            if let last = before[session.id], now > last.at {
                let seconds = now.seconds(since: last.at)
                sample.rate = Rate(
                    commands: Double(session.commands &- last.commands) / seconds,
                    bytesRead: Double(session.bytesRead &- last.bytesRead) / seconds,
                    bytesWritten: Double(session.bytesWritten &- last.bytesWritten) / seconds)
            }
            self.samples[session.id] = sample
        }
    }

    /// Nil for a session that has been seen only once.
    subscript(session: UInt64) -> Rate? {
        self.samples[session]?.rate
    }
}
