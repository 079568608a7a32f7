// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory

/// Decides when a machine that nobody configured is worth another log line.
struct UnknownMachines {
    private var lastLogged: [String: Instant] = [:]

    mutating func shouldLog(_ mac: String, at now: Instant) -> Bool {
        if let last = self.lastLogged[mac], now.seconds(since: last) < Limits.unknownMachineSilenceSeconds {
            return false
        }
        if self.lastLogged.count >= Limits.unknownMachinesRemembered { self.lastLogged.removeAll() }
        self.lastLogged[mac] = now
        return true
    }
}
