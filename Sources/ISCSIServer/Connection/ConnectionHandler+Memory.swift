// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import Logging
import NIOCore
import SCSI

/// What a unit must remember before it answers.
extension ConnectionHandler {
    /// Has a change kept; the task goes on when that is settled. Counts like a store's request: a task that is aborted
    /// meanwhile is not over before.
    func keep(_ change: MemoryChange, _ task: PendingTask) {
        guard self.phase != .ended else { return }
        task.requestsInFlight += 1
        self.requestsInFlight += 1
        let loop = self.loop
        let bound = NIOLoopBound((self, task), eventLoop: loop)
        task.unit.keep(change) { failure in
            loop.execute {
                let (handler, task) = bound.value
                handler.owner(of: task).kept(failure, task)
            }
        }
    }

    private func kept(_ failure: String?, _ task: PendingTask) {
        task.requestsInFlight -= 1
        self.requestsInFlight -= 1
        defer {
            if self.phase == .ended { self.reportIdle() } else { self.schedulePass() }
        }
        if let failure {
            self.server.logger.error(
                "what a unit must remember was not kept, so its command fails",
                metadata: ["unit": "\(task.unit.identity.product)", "error": "\(failure)"])
        }
        guard case .perform(let continuation) = task.work else { return }
        let nexus = self.session.nexus
        let step = task.unit.withUnit { $0.resume(continuation, with: .remembered(failure == nil), nexus: nexus) }
        guard !task.isAborted else {
            // A sanitize operation that is kept begins, whoever is still there to hear of it.
            if case .sanitize = step { task.unit.sanitizeRunner.begin(task.unit, on: self.loop) }
            return self.forgetIfIdle(task)
        }
        self.takeNext(step, task)
    }
}
