// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import Logging
import NIOCore
import SCSI

/// SCSI commands: what the logical unit decides is done here, step by step.
extension ConnectionHandler {
    func begin(_ command: SCSICommand) {
        self.session.counters.commandReceived(at: self.lastReceived)
        let operationCode = UInt8(truncatingIfNeeded: command.header[field: 32] >> 24)
        guard let lun = LUN(wire: command.lun), let unit = self.units[lun.number],
            operationCode != ReportLUNs.operationCode
        else {
            let result = command.withCDB { AbsentUnit.begin($0, luns: self.luns) }
            return self.finishUnbegun(command, result)
        }
        let nexus = self.live.nexus(at: lun)
        if unit.isFull {
            let holdsTask = self.pending.values.contains { $0.unit === unit }
            return self.finish(command, unit.withUnit { $0.full(nexus.id, holdsTask: holdsTask) })
        }
        let step = command.withCDB { cdb in
            unit.withUnit {
                $0.begin(
                    cdb, expectedDataOut: command.expectedDataOut, expectedDataIn: command.expectedDataIn,
                    attribute: command.attribute, nexus: nexus)
            }
        }
        self.take(step, command, unit)
    }

    /// Does what the logical unit says comes next for a command that is not pending yet.
    func take(_ step: TaskStep, _ command: SCSICommand, _ unit: ServedUnit, wantedDataOut: Int = 0) {
        switch step {
        case .finish(let result) where result.abortsTasksOf.isEmpty && wantedDataOut == 0:
            self.finishUnbegun(command, result)
        case .finish(let result) where result.abortsTasksOf.isEmpty:
            self.finish(command, result, transferred: wantedDataOut)
        case .finish(let result):
            self.connection.open(command)
            let task = PendingTask(command, unit, .perform(.good))
            task.wantedDataOut = wantedDataOut
            self.pending[command.initiatorTaskTag] = task
            self.finishAfterAborting(task, result)
        case .read(let range):
            self.noteFirstRead()
            self.beginRead(command, unit, range)
        case .write(let range, let isDurable):
            self.beginWrite(command, unit, range, isDurable: isDurable)
        case .collect(let byteCount, let continuation):
            self.beginCollecting(command, unit, byteCount, continuation)
        case .perform(let request, let continuation):
            self.connection.open(command)
            let task = PendingTask(command, unit, .perform(continuation))
            task.wantedDataOut = wantedDataOut
            self.pending[command.initiatorTaskTag] = task
            self.submit(request, task)
        case .sanitize(let isImmediate):
            self.connection.open(command)
            let task = PendingTask(command, unit, .perform(.good))
            task.wantedDataOut = wantedDataOut
            self.pending[command.initiatorTaskTag] = task
            self.sanitize(task, isImmediate: isImmediate)
        case .selfTest:
            unit.selfTestRunner.begin(unit, on: self.loop)
            self.finish(command, CommandResult(status: .good))
        case .copy(let machine, let continuation):
            self.connection.open(command)
            let task = PendingTask(command, unit, .perform(continuation))
            task.wantedDataOut = wantedDataOut
            self.pending[command.initiatorTaskTag] = task
            self.beginCopy(machine, continuation, task)
        case .passThrough(let request):
            self.connection.open(command)
            let task = PendingTask(command, unit, .perform(.good))
            task.wantedDataOut = wantedDataOut
            self.pending[command.initiatorTaskTag] = task
            self.passThrough(request, task)
        case .wait(let ticket, let drains):
            self.wait(ticket, drains: drains, command, unit)
        case .remember(let change, let continuation):
            self.connection.open(command)
            let task = PendingTask(command, unit, .perform(continuation))
            task.wantedDataOut = wantedDataOut
            self.pending[command.initiatorTaskTag] = task
            self.keep(change, task)
        }
    }

    /// Does what the logical unit says comes next for a pending command.
    func takeNext(_ step: TaskStep, _ task: PendingTask) {
        switch step {
        case .perform(let request, let continuation):
            task.work = .perform(continuation)
            self.submit(request, task)
        case .sanitize(let isImmediate):
            self.sanitize(task, isImmediate: isImmediate)
        case .copy(let machine, let continuation):
            self.beginCopy(machine, continuation, task)
        case .passThrough(let request):
            task.work = .perform(.good)
            self.passThrough(request, task)
        case .remember(let change, let continuation):
            task.work = .perform(continuation)
            self.keep(change, task)
        case .read(let range):
            self.noteFirstRead()
            self.continueAsRead(task, range)
        case .finish(let result) where result.abortsTasksOf.isEmpty:
            self.finish(task, result)
        case .finish(let result):
            self.finishAfterAborting(task, result)
        case .write, .collect, .wait, .selfTest:
            preconditionFailure("Data-Out is received once, before anything else is done with a command")
        }
    }

    func finish(_ command: SCSICommand, _ result: CommandResult, transferred: Int = 0) {
        self.connection.complete(
            command, status: result.status.rawValue, sense: result.sense, dataIn: result.dataIn,
            transferred: transferred, isFenced: self.isFenced(result, command), output: &self.output)
        if result.status == .checkCondition { self.checkConditionSent(for: command) }
    }

    /// Ends a command of which nothing was begun. One that is refused may have data on the way.
    private func finishUnbegun(_ command: SCSICommand, _ result: CommandResult) {
        guard result.status != .good else { return self.finish(command, result) }
        self.connection.refuse(
            command, status: result.status.rawValue, sense: result.sense, isFenced: self.isFenced(result, command),
            output: &self.output)
        if result.status == .checkCondition { self.checkConditionSent(for: command) }
    }

    /// Whether the result says something of other tasks, and the session is to hear of it in order.
    private func isFenced(_ result: CommandResult, _ command: SCSICommand) -> Bool {
        self.live.machine.fencesResponses && command.withCDB { result.saysOfOtherTasks(after: $0) }
    }

    func finish(_ task: PendingTask, _ result: CommandResult, transferred: Int = 0) {
        if result.status == .good { self.answeredLate(task) }
        self.remove(task)
        self.finish(task.command, result, transferred: max(transferred, task.wantedDataOut))
    }

    private func noteFirstRead() {
        guard !self.hasReadMedium else { return }
        self.hasReadMedium = true
        self.server.observer(.firstRead(self.session.snapshot()))
    }

    // MARK: - Requests to stores

    /// Gives the store a request; its answer comes back to this loop. This is the one place where a completion hops.
    /// The store is that of the task's unit unless another is named.
    func submit(_ request: BlockRequest, _ task: PendingTask, at store: (any BlockStore)? = nil) {
        guard self.phase != .ended else { return }
        task.requestsInFlight += 1
        self.requestsInFlight += 1
        let loop = self.loop
        let bound = NIOLoopBound((self, task), eventLoop: loop)
        (store ?? task.unit.store).perform(request) { result in
            loop.execute {
                let (handler, task) = bound.value
                handler.owner(of: task).answered(result, task)
            }
        }
    }

    private func answered(_ result: Result<BlockReply, BlockError>, _ task: PendingTask) {
        task.requestsInFlight -= 1
        self.requestsInFlight -= 1
        self.requestedReadBytes -= task.requestedReadBytes
        task.requestedReadBytes = 0
        defer {
            if self.phase == .ended { self.reportIdle() } else { self.schedulePass() }
        }
        guard !task.isAborted else { return self.forgetIfIdle(task) }
        if case .failure(let error) = result {
            self.server.logger.error(
                "the store failed", metadata: ["unit": "\(task.unit.identity.product)", "error": "\(error)"])
        }
        switch task.work {
        case .wait: preconditionFailure("a store was asked for a task that waits")
        case .read: self.readAnswered(result, task)
        case .write: self.writeAnswered(result, task)
        case .copy(let work, let continuation): self.copyAnswered(result, work, continuation, task)
        case .collect(let continuation, _), .perform(let continuation):
            let nexus = self.session.nexus
            let step = task.unit.withUnit { $0.resume(continuation, with: .performed(result), nexus: nexus) }
            self.takeNext(step, task)
        }
    }
}
