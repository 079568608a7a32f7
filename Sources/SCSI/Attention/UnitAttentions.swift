// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The unit attention conditions that wait, for each I_T nexus (SAM-5 §5.14).
struct UnitAttentions: Sendable {
    private var queues: [UInt64: [AdditionalSense]] = [:]

    /// How many wait in all. Commands are checked against this before any look-up, as it is nearly always zero.
    private(set) var pending = 0

    mutating func begin(_ nexus: UInt64) {
        self.end(nexus)
        self.queues[nexus] = []
    }

    mutating func end(_ nexus: UInt64) {
        if let queue = self.queues.removeValue(forKey: nexus) {
            self.pending -= queue.count
        }
    }

    /// Adds a condition. One that waits already is not repeated, and a reset makes the earlier ones pointless.
    mutating func add(_ code: AdditionalSense, for nexus: UInt64) {
        guard var queue = self.queues[nexus], !queue.contains(code) else { return }
        self.pending -= queue.count
        if code.isReset || queue.count >= Limits.pendingAttentions {
            queue.removeAll()
        }
        queue.append(queue.count < Limits.pendingAttentions ? code : .powerOnOrReset)
        self.pending += queue.count
        self.queues[nexus] = queue
    }

    mutating func addForAll(_ code: AdditionalSense, except nexus: UInt64? = nil) {
        for id in self.queues.keys where id != nexus {
            self.add(code, for: id)
        }
    }

    /// The oldest condition, which stays, and how many there are.
    func first(for nexus: UInt64) -> (code: AdditionalSense, count: Int)? {
        self.queues[nexus].flatMap { queue in queue.first.map { ($0, queue.count) } }
    }

    /// The oldest condition, which is then cleared.
    mutating func take(for nexus: UInt64) -> AdditionalSense? {
        guard let queue = self.queues[nexus], !queue.isEmpty else { return nil }
        self.pending -= 1
        return self.queues[nexus]?.removeFirst()
    }
}

extension AdditionalSense {
    /// Whether everything that an initiator knew of the unit's state is void (additional sense code 29h).
    var isReset: Bool { self.rawValue >> 8 == 0x29 }
}
