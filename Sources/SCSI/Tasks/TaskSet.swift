// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Task attributes (SAM-5 §8.6).
package enum TaskAttribute: Sendable {
    case simple
    case ordered
    case headOfQueue
    case aca
}

/// Names a task of a task set, until it leaves.
package struct TaskTicket: Hashable, Sendable {
    let number: UInt64
}

/// The order of a unit's tasks (SAM-5 clause 8).
///
/// Tasks are here only while their order matters: those that are not SIMPLE, and SIMPLE ones that come while another
/// is here. A unit that meets nothing but SIMPLE tasks never touches it. SIMPLE tasks that began before are not here
/// when an ORDERED task comes: whoever executes them tells when the last has ended (`drained`).
///
///     ordered ──► dormant ──► drained, and all older ones have left ──► enabled ──► left
///     simple ───► dormant ──► no older ordered one, no head of queue ─► enabled ──► left
struct TaskSet: Sendable {
    private struct Entry {
        let ticket: TaskTicket
        let nexus: UInt64
        let attribute: TaskAttribute
        var isEnabled = false
        var isDrained: Bool
    }

    /// The oldest first.
    private var entries: [Entry] = []
    private var lastTicket: UInt64 = 0
    /// The nexus whose command established an auto contingent allegiance.
    private(set) var faultedNexus: UInt64?
    /// Whether any command has to be looked at here.
    private(set) var needsCare = false

    /// Takes a task in; nil where there are too many.
    mutating func enter(_ attribute: TaskAttribute, nexus: UInt64) -> TaskTicket? {
        guard self.entries.count < Limits.orderedTasks else { return nil }
        self.lastTicket += 1
        let ticket = TaskTicket(number: self.lastTicket)
        self.entries.append(
            Entry(ticket: ticket, nexus: nexus, attribute: attribute, isDrained: attribute != .ordered))
        self.needsCare = true
        return ticket
    }

    func holdsTask(of nexus: UInt64) -> Bool {
        self.entries.contains { $0.nexus == nexus }
    }

    /// The tasks that began before the ordered one, and are not here, have ended.
    mutating func drained(_ ticket: TaskTicket) {
        guard let index = self.entries.firstIndex(where: { $0.ticket == ticket }) else { return }
        self.entries[index].isDrained = true
    }

    mutating func leave(_ ticket: TaskTicket) {
        self.entries.removeAll { $0.ticket == ticket }
        self.needsCare = !self.entries.isEmpty || self.faultedNexus != nil
    }

    /// What of a task set is older than the task that is looked at.
    private struct Older {
        var isEmpty = true
        var hasOrdered = false
    }

    /// The tasks that may begin now and could not before. With `perNexus` each nexus has a task set of its own (TST).
    mutating func takeEnabled(perNexus: Bool) -> [TaskTicket] {
        var enabled: [TaskTicket] = []
        var older: [UInt64: Older] = [:]
        let headsOfQueue = Set(
            self.entries.lazy.filter { $0.attribute == .headOfQueue }.map { perNexus ? $0.nexus : 0 })
        for index in self.entries.indices {
            let entry = self.entries[index]
            let set = perNexus ? entry.nexus : 0
            let before = older[set] ?? Older()
            older[set] = Older(isEmpty: false, hasOrdered: before.hasOrdered || entry.attribute == .ordered)
            let mayBegin =
                switch entry.attribute {
                case .headOfQueue, .aca: true
                case .simple: !headsOfQueue.contains(set) && !before.hasOrdered
                case .ordered: entry.isDrained && !headsOfQueue.contains(set) && before.isEmpty
                }
            let isBlocked = entry.attribute != .aca && self.faultedNexus.map { !perNexus || $0 == entry.nexus } ?? false
            guard !entry.isEnabled, mayBegin, !isBlocked else { continue }
            self.entries[index].isEnabled = true
            enabled.append(entry.ticket)
        }
        return enabled
    }

    mutating func establishACA(by nexus: UInt64) {
        guard self.faultedNexus == nil else { return }
        self.faultedNexus = nexus
        self.needsCare = true
    }

    mutating func clearACA() {
        self.faultedNexus = nil
        self.needsCare = !self.entries.isEmpty
    }
}
