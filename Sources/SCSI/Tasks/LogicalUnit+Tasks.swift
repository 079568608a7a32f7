// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Which tasks may begin, and what one that fails means for the others (SAM-5 clauses 5 and 8).
extension LogicalUnit {
    /// What comes before a command is looked at: nil where it may begin at once.
    mutating func admission(
        of cdb: CDB, _ attribute: TaskAttribute, _ nexus: borrowing Nexus
    ) -> TaskStep? {
        let hasOwnSets = self.modes.control.hasTaskSetPerNexus
        if let faulted = self.tasks.faultedNexus, !hasOwnSets || faulted == nexus.id {
            // PREEMPT AND ABORT ends the allegiance of those it preempts, so it has to get through.
            guard cdb.operationCode != 0x5F || cdb.serviceAction != 0x05 else { return nil }
            guard faulted == nexus.id, attribute == .aca else {
                let isBusy = faulted != nexus.id && !cdb.hasNACA
                return .finish(CommandResult(status: isBusy ? .busy : .acaActive))
            }
        } else if attribute == .aca {
            return self.check(Sense(.illegalRequest, .invalidMessageError))
        }
        guard let ticket = self.tasks.enter(attribute, nexus: nexus.id) else {
            return .finish(CommandResult(status: self.tasks.holdsTask(of: nexus.id) ? .taskSetFull : .busy))
        }
        return .wait(ticket, drains: attribute == .ordered)
    }

    /// The tasks that began before an ordered one have ended.
    package mutating func drained(_ ticket: TaskTicket) {
        self.tasks.drained(ticket)
    }

    /// A task is over, however it ended.
    package mutating func left(_ ticket: TaskTicket) {
        self.tasks.leave(ticket)
    }

    /// The waiting tasks that are to begin now.
    package mutating func takeEnabledTasks() -> [TaskTicket] {
        self.tasks.takeEnabled(perNexus: self.modes.control.hasTaskSetPerNexus)
    }

    /// A command of the nexus ended with CHECK CONDITION: NACA=1 establishes an auto contingent allegiance, and QERR
    /// says whose other tasks end.
    package mutating func checkConditionSent(for cdb: RawSpan, nexus: UInt64) -> TasksToAbort {
        if CDB(cdb).hasNACA { self.tasks.establishACA(by: nexus) }
        return switch self.modes.control.queueErrorManagement {
        case 0b01 where self.modes.control.hasTaskSetPerNexus, 0b11: .ofNexus
        case 0b01: .ofAll
        default: .none
        }
    }

    /// CLEAR ACA.
    package mutating func clearACA(by nexus: UInt64) {
        if self.tasks.faultedNexus == nexus { self.tasks.clearACA() }
    }

    /// TAS: a task that another nexus aborts ends with TASK ABORTED status, and no unit attention tells of it.
    package var reportsAbortedTasks: Bool {
        self.modes.control.taskAbortedStatus
    }

    /// TST: commands that one nexus clears or aborts are its own only.
    package var hasTaskSetPerNexus: Bool {
        self.modes.control.hasTaskSetPerNexus
    }
}

/// Whose tasks an error ends (QERR).
package enum TasksToAbort: Sendable {
    case none
    case ofNexus
    case ofAll
}

extension CDB {
    /// The control byte's NACA bit (SAM-5 §5.2).
    var hasNACA: Bool { self.control & 0x04 != 0 }
}
