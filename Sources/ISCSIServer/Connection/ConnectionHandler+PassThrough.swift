// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import Logging
import NIOCore
import SCSI

/// Units that are devices of the host.
extension ConnectionHandler {
    /// Gives the device a command; its answer comes back to this loop.
    func passThrough(_ command: DeviceCommand, _ task: PendingTask) {
        guard self.phase != .ended else { return }
        guard let device = task.unit.store as? any PassThroughDevice else {
            preconditionFailure("a unit without a device passes commands through")
        }
        task.requestsInFlight += 1
        self.requestsInFlight += 1
        let loop = self.loop
        let bound = NIOLoopBound((self, task), eventLoop: loop)
        device.perform(command) { answer in
            loop.execute {
                let (handler, task) = bound.value
                handler.answered(answer, to: command, task)
            }
        }
    }

    private func answered(_ answer: DeviceAnswer, to command: DeviceCommand, _ task: PendingTask) {
        task.requestsInFlight -= 1
        self.requestsInFlight -= 1
        defer {
            if self.phase == .ended { self.reportIdle() } else { self.schedulePass() }
        }
        guard !task.isAborted else { return self.forgetIfIdle(task) }
        switch answer {
        case .status(let status):
            self.session.counters.bytesRead.bump(by: UInt64(status.dataIn.readableBytes))
            self.session.counters.bytesWritten.bump(by: UInt64(status.takenBytes))
            // The initiator learns how much of its data the device did not take.
            task.wantedDataOut = status.takenBytes
        case .failure(let failure):
            self.server.logger.error(
                "the device did not answer",
                metadata: ["unit": "\(task.unit.identity.product)", "failure": "\(failure)"])
        }
        let nexus = LUN(wire: task.command.lun).map(self.live.nexus) ?? self.session.nexus
        let result = task.unit.withUnit { $0.result(of: answer, to: command, nexus: nexus) }
        self.finish(task, result)
    }
}
