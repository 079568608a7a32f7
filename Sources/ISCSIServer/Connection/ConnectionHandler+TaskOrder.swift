// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore
import SCSI

/// Commands that have to wait for others (SAM-5 clause 8), and what one that fails means for the others.
///
/// A command that waits is an open task; its Data-Out is gathered meanwhile. When its turn comes it begins like one that
/// has just come, with all of its data.
extension ConnectionHandler {
    func wait(_ ticket: TaskTicket, drains: Bool, _ command: SCSICommand, _ unit: ServedUnit) {
        let task: PendingTask
        let wanted = command.expectedDataOut
        if wanted > 0, case .pending(let data) = self.connection.beginDataOut(command, wanted: wanted, isGathered: true)
        {
            task = PendingTask(command, unit, .wait(data, hasAllData: false))
        } else {
            self.connection.open(command)
            task = PendingTask(command, unit, .wait(command.immediateData, hasAllData: true))
        }
        task.ticket = ticket
        self.pending[command.initiatorTaskTag] = task
        let bound = NIOLoopBound((self, task), eventLoop: self.loop)
        let loop = self.loop
        unit.whenEnabled(ticket) {
            loop.execute {
                let (handler, task) = bound.value
                task.mayBegin = true
                handler.owner(of: task).beginIfReady(task)
            }
        }
        guard drains else { return }
        EventLoopFuture.andAllComplete(self.server.drain(unit, for: self.session), on: loop).whenComplete { _ in
            unit.drained(ticket)
        }
    }

    /// Begins a task that has waited, if its turn and all of its data have come.
    func beginIfReady(_ task: PendingTask) {
        guard !task.isAborted, task.mayBegin, let ticket = task.ticket, case .wait(let data, true) = task.work else {
            return
        }
        let tag = task.command.initiatorTaskTag
        self.pending[tag] = nil
        self.connection.close(tag)
        var command = task.command
        command.header.flags |= 0x80
        command.immediateData = data
        let nexus = self.session.nexus
        let step = command.withCDB { cdb in
            task.unit.withUnit {
                $0.begin(
                    cdb, expectedDataOut: command.expectedDataOut, expectedDataIn: command.expectedDataIn,
                    attribute: command.attribute, ticket: ticket, nexus: nexus)
            }
        }
        self.take(step, command, task.unit)
        if let begun = self.pending[tag] {
            begun.ticket = ticket
            task.ticket = nil
        } else {
            task.leave()
        }
        self.schedulePass()
    }

    /// Takes a task that is over out of the table.
    func remove(_ task: PendingTask) {
        self.pending[task.command.initiatorTaskTag] = nil
        if task.requestsInFlight == 0 { task.leave() }
    }

    /// A command has ended with CHECK CONDITION.
    func checkConditionSent(for command: SCSICommand) {
        guard let unit = self.unit(command.lun) else { return }
        let nexus = self.session.nexus.id
        let ended = command.withCDB { cdb in
            unit.withUnit { $0.checkConditionSent(for: cdb, nexus: nexus) }
        }
        switch ended {
        case .none:
            return
        case .ofNexus:
            _ = self.live.abortTasks(of: unit)
        case .ofAll:
            _ = self.live.abortTasks(of: unit)
            _ = self.server.abortTasks(of: unit, except: self.session.id, by: .command)
        }
    }

    /// Ends aborted tasks with TASK ABORTED, each when no store works for it any longer.
    func reportAborted(_ tasks: [PendingTask]) {
        for task in tasks {
            let bound = NIOLoopBound((self, task), eventLoop: self.loop)
            self.whenIdle([task]).whenComplete { _ in
                let (handler, task) = bound.value
                guard handler.phase != .ended else { return }
                handler.finish(task.command, CommandResult(status: .taskAborted))
                handler.schedulePass()
            }
        }
    }
}

extension SCSICommand {
    /// ATTR (RFC 7143 §11.3.1); untagged commands and codes that mean nothing count as SIMPLE.
    var attribute: TaskAttribute {
        switch self.header.flags & 0x07 {
        case 2: .ordered
        case 3: .headOfQueue
        case 4: .aca
        default: .simple
        }
    }
}

extension LiveSession {
    /// Tells when the tasks at `unit` that are here now, without a ticket, have ended.
    func drain(_ unit: ServedUnit) -> EventLoopFuture<Void> {
        let ended = self.tasks(of: unit).map { $0.whenEnded(on: self.loop) }
        return EventLoopFuture.andAllSucceed(ended, on: self.loop)
    }
}

extension ISCSIServer {
    /// Tells when the tasks at `unit` have ended that an ordered one of `session` comes after.
    func drain(_ unit: ServedUnit, for session: Session) -> [EventLoopFuture<Void>] {
        let isAlone = unit.withUnit { $0.hasTaskSetPerNexus }
        return self.lives { !isAlone || $0.id == session.id }.map { live in
            live.eventLoop.flatSubmit { live.value.drain(unit) }
        }
    }
}
