// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore

/// I/Os that were answered by the pass that brought them and have not been measured yet.
struct QuickAnswers {
    var unit: ServedUnit?
    var reads: UInt64 = 0
    var writes: UInt64 = 0
}

extension ConnectionHandler {
    /// An I/O was answered at once.
    func answeredAtOnce(_ kind: LatencyCounters.Kind, _ unit: ServedUnit) {
        if self.quickAnswers.unit !== unit {
            self.measureQuickAnswers()
            self.quickAnswers.unit = unit
        }
        switch kind {
        case .read: self.quickAnswers.reads += 1
        case .write: self.quickAnswers.writes += 1
        }
    }

    /// What was answered at once leaves now.
    func measureQuickAnswers() {
        guard let unit = self.quickAnswers.unit else { return }
        let time = NIODeadline.now() - self.lastReceived
        let (reads, writes) = (self.quickAnswers.reads, self.quickAnswers.writes)
        self.quickAnswers = QuickAnswers()
        if reads > 0 { self.count(reads, .read, unit, time) }
        if writes > 0 { self.count(writes, .write, unit, time) }
    }

    private func count(_ count: UInt64, _ kind: LatencyCounters.Kind, _ unit: ServedUnit, _ time: TimeAmount) {
        self.session.latency.add(count, kind, taking: time)
        unit.latency.add(count, kind, taking: time)
    }

    /// An I/O that had to wait was answered.
    func answeredLate(_ task: PendingTask) {
        let kind: LatencyCounters.Kind
        switch task.work {
        case .read: kind = .read
        case .write: kind = .write
        default: return
        }
        self.count(1, kind, task.unit, NIODeadline.now() - task.began)
    }
}
