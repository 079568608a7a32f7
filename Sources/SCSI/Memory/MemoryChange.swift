// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A memory that has to reach stable storage before a command is answered.
///
///     PERSISTENT RESERVE OUT ─► .remember(change) ─► kept? ─┬─ settle(change, isKept: true)  ─► GOOD
///                                                           └─ settle(change, isKept: false) ─► HARDWARE ERROR
///
/// The unit acts on a change at once and takes it back when it could not be kept. One is kept at a time, and always the
/// newest: it holds all those before it.
package struct MemoryChange: Sendable {
    package let memory: UnitMemory
    /// The reservations as they are with it, those of APTPL=0 too.
    let persistent: PersistentReservations
    /// Which run of changes it belongs to: a change that could not be kept takes back all that followed it.
    let run: UInt64
    /// Counts the changes of a unit: one holds all those of its run with a lower number.
    package let number: UInt64
}

/// What is to be done with a change that a unit asked to be kept.
package enum MemoryStanding: Sendable {
    /// It has to be written.
    case open
    /// It is part of one that has been written.
    case kept
    /// One before it could not be written, and the unit has taken both back.
    case lost
}

/// What a unit that can remember knows of its memory.
struct MemoryState: Sendable {
    /// What is on stable storage.
    var kept: UnitMemory
    /// The reservations that go with it.
    var keptPersistent: PersistentReservations
    /// What the last step asked to keep; the same as `kept` where nothing is under way.
    var asked: UnitMemory
    var run: UInt64 = 0
    /// The number of the change that was asked for last, and of the one that was kept last.
    var lastAsked: UInt64 = 0
    var lastKept: UInt64 = 0
}

extension LogicalUnit {
    /// What is to outlive a power cut, as it stands.
    var memory: UnitMemory {
        var memory = UnitMemory()
        memory.modePages = self.savedModePages
        memory.identifyingInformation = self.identifyingInformation
        memory.sanitizing = self.sanitizeRecord
        memory.portStates = self.keptPortStates
        if self.persistent.isActivated {
            memory.reservations = .init(
                registrations: self.persistent.registrations, reservation: self.persistent.reservation)
        }
        return memory
    }

    /// Ends a command that has changed what the unit remembers: with `result`, but not before that is kept.
    mutating func remembering(_ result: CommandResult) -> TaskStep {
        self.changeOfMemory().map { .remember($0, .remembered(result)) } ?? .finish(result)
    }

    /// What has to be kept now; nil where nothing has changed, or nothing is remembered.
    mutating func changeOfMemory() -> MemoryChange? {
        guard var state = self.memoryState else { return nil }
        let memory = self.memory
        guard memory != state.kept || state.asked != state.kept else {
            state.keptPersistent = self.persistent
            self.memoryState = state
            return nil
        }
        state.asked = memory
        state.lastAsked += 1
        self.memoryState = state
        return MemoryChange(memory: memory, persistent: self.persistent, run: state.run, number: state.lastAsked)
    }

    package func standing(of change: MemoryChange) -> MemoryStanding {
        guard let state = self.memoryState, state.run == change.run else { return .lost }
        return change.number <= state.lastKept ? .kept : .open
    }

    /// `change` is on stable storage, and with it those before it; or it is not, and neither are those after it.
    package mutating func settle(_ change: MemoryChange, isKept: Bool) {
        guard var state = self.memoryState, state.run == change.run else { return }
        if isKept {
            state.lastKept = change.number
            state.kept = change.memory
            state.keptPersistent = change.persistent
        } else {
            state.run += 1
            state.asked = state.kept
            self.savedModePages = state.kept.modePages
            self.identifyingInformation = state.kept.identifyingInformation
            self.sanitizeRecord = state.kept.sanitizing
            self.keptPortStates = state.kept.portStates
            let generation = self.persistent.generation
            self.persistent = state.keptPersistent
            // Readers of the keys must see that something happened.
            self.persistent.generation = generation &+ 1
        }
        self.memoryState = state
    }
}
