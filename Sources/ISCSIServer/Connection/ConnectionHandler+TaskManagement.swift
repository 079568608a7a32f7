// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import Logging
import NIOCore
import SCSI

/// Task management (RFC 7143 §11.5, SAM-5 clause 7): the response leaves when no store works for an aborted task any
/// longer, so that nothing of it can reach the medium afterwards.
extension ConnectionHandler {
    func manage(_ request: TaskManagementRequest) {
        guard let function = TaskManagementRequest.Function(rawValue: request.function) else {
            return self.answer(request, .rejected)
        }
        guard function.protocolLevel <= self.session.login.parameters.protocolLevel else {
            return self.answer(request, .notSupported)
        }
        switch function {
        case .abortTask:
            self.abortTask(request)
        case .abortTaskSet:
            guard let unit = self.unit(request.lun) else { return self.answer(request, .noSuchLUN) }
            self.answer(request, when: [self.live.abortTasks(of: unit, by: .request(on: self))])
        case .clearTaskSet:
            guard let unit = self.unit(request.lun) else { return self.answer(request, .noSuchLUN) }
            let isAlone = unit.withUnit { $0.hasTaskSetPerNexus }
            let others =
                isAlone ? [] : self.server.abortTasks(of: unit, except: self.session.id, by: .taskSetCleared)
            self.answer(request, when: others + [self.live.abortTasks(of: unit, by: .request(on: self))])
        case .logicalUnitReset:
            guard let unit = self.unit(request.lun) else { return self.answer(request, .noSuchLUN) }
            self.reset([unit], request)
        case .targetWarmReset:
            self.reset(self.live.allUnits, request)
        case .targetColdReset:
            self.reset(self.live.allUnits, request, then: .sessionsOfTarget)
        case .clearACA:
            guard let unit = self.unit(request.lun) else { return self.answer(request, .noSuchLUN) }
            unit.clearACA(by: self.session.nexus.id)
            self.answer(request, .complete)
        case .taskReassign:
            self.reassign(request)
        case .queryTask, .queryTaskSet, .nexusReset, .queryAsynchronousEvent:
            self.manage(request, function)
        }
    }

    private func abortTask(_ request: TaskManagementRequest) {
        guard !self.live.machine.isManagement(request.referencedTaskTag) else {
            return self.answer(request, .rejected)
        }
        guard let (owner, task) = self.live.pendingTask(request.referencedTaskTag) else {
            return self.answer(request, self.connection.abortUnknown(request))
        }
        guard task.command.lun == request.lun else { return self.answer(request, .noSuchTask) }
        owner.abort([task])
        self.answer(request, when: [owner.whenIdle([task])])
    }

    private func reset(_ units: [ServedUnit], _ request: TaskManagementRequest, then ending: Ending = .nothing) {
        let aborted = units.flatMap { unit in
            self.server.abortTasks(of: unit, except: self.session.id, by: .reset)
                + [self.live.abortTasks(of: unit, by: .request(on: self))]
        }
        // What a device does not answer would not end without it.
        let devices = units.compactMap(self.resetDevice)
        for unit in units {
            unit.withUnit { $0.reset() }
        }
        self.answer(request, when: aborted + devices, then: ending)
    }

    /// Tells when the device behind `unit`, if it is one, has been reset or cannot be.
    private func resetDevice(_ unit: ServedUnit) -> EventLoopFuture<Void>? {
        guard let device = unit.store as? any PassThroughDevice else { return nil }
        let promise = self.loop.makePromise(of: Void.self)
        let logger = self.server.logger
        device.reset { error in
            if let error {
                logger.warning(
                    "a LOGICAL UNIT RESET ended tasks here, not on the device", metadata: ["error": "\(error)"])
            }
            promise.succeed()
        }
        return promise.futureResult
    }

    /// Ends tasks without an answer.
    ///
    /// - Parameter awaitsData: whether the initiator still has to end the data that it was asked for.
    func abort(_ tasks: [PendingTask], awaitsData: Bool = false) {
        for task in tasks {
            task.isAborted = true
            self.forgetCopy(task)
            self.remove(task)
            self.connection.abort(task.command.initiatorTaskTag, awaitsData: awaitsData)
            if task.requestsInFlight > 0 {
                self.aborted.append(task)
            }
        }
    }

    /// Tells when no store works for the aborted `tasks` any longer.
    func whenIdle(_ tasks: [PendingTask]) -> EventLoopFuture<Void> {
        let loop = self.loop
        let idle = tasks.filter { $0.requestsInFlight > 0 }.map { task in
            let promise = task.idle ?? loop.makePromise(of: Void.self)
            task.idle = promise
            return promise.futureResult
        }
        return EventLoopFuture.andAllSucceed(idle, on: loop)
    }

    /// A store has answered for an aborted task.
    func forgetIfIdle(_ task: PendingTask) {
        guard task.requestsInFlight == 0 else { return }
        self.aborted.removeAll { $0 === task }
        task.idle?.succeed()
        task.leave()
    }

    /// Ends a task whose Data-Out was lost, when no store works for it any longer.
    func endLost(_ task: PendingTask) {
        let bound = NIOLoopBound((self, task), eventLoop: self.loop)
        self.abort([task])
        self.whenIdle([task]).whenComplete { _ in
            let (handler, task) = bound.value
            handler.finish(task.command, task.unit.withUnit { $0.lostDataOut() })
            handler.schedulePass()
        }
    }

    /// PREEMPT AND ABORT: the status leaves when the tasks of those who were preempted are gone.
    func finishAfterAborting(_ task: PendingTask, _ result: CommandResult) {
        let loop = self.loop
        let bound = NIOLoopBound((self, task), eventLoop: loop)
        let aborted = self.server.abortTasks(of: task.unit, ofNexuses: Set(result.abortsTasksOf))
        EventLoopFuture.andAllComplete(aborted, on: loop).whenComplete { _ in
            let task = bound.value.1
            let handler = bound.value.0.owner(of: task)
            task.unit.beginEnabledTasks()
            guard !task.isAborted else { return }
            handler.finish(task, result)
            handler.schedulePass()
        }
    }

    /// What ends with the answer to a request.
    enum Ending {
        case nothing
        /// I_T NEXUS RESET: all connections of the session are dropped, and nothing of it is retained (RFC 7144 §6.3).
        case ownSession
        /// TARGET COLD RESET: every session with the target ends, this one included.
        case sessionsOfTarget
    }

    /// Answers when the tasks are gone, and what this initiator was asked for has come.
    func answer(
        _ request: TaskManagementRequest, when aborted: [EventLoopFuture<Void>], then ending: Ending = .nothing
    ) {
        let loop = self.loop
        let bound = NIOLoopBound(self, eventLoop: loop)
        let isDrained = self.live.whenAbandonedDataHasEnded()
        EventLoopFuture.andAllComplete(aborted + [isDrained], on: loop).whenComplete { _ in
            let handler = bound.value
            guard handler.phase != .ended else { return }
            handler.answer(request, .complete)
            guard case .nothing = ending else {
                handler.live.sendReadyResponses()
                handler.flush()
                return handler.end(ending)
            }
            handler.schedulePass()
        }
    }

    private func end(_ ending: Ending) {
        switch ending {
        case .nothing: break
        case .ownSession: self.live.cutOff()
        case .sessionsOfTarget: self.server.cutOffSessions(of: self.session.nexus.targetName)
        }
    }

    func answer(
        _ request: TaskManagementRequest, _ response: TaskManagementResponse, information: UInt32 = 0
    ) {
        self.connection.respond(to: request, response, information: information, output: &self.output)
    }
}
