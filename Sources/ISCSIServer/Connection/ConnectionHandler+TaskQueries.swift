// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore
import SCSI

/// The task management that RFC 7144 adds, of sessions that have agreed on iSCSIProtocolLevel 2.
extension ConnectionHandler {
    func manage(_ request: TaskManagementRequest, _ function: TaskManagementRequest.Function) {
        if function == .nexusReset {
            let aborted = self.live.allUnits.map { self.live.abortTasks(of: $0, by: .request(on: self)) }
            return self.answer(request, when: aborted, then: .ownSession)
        }
        guard let unit = self.unit(request.lun) else { return self.answer(request, .noSuchLUN) }
        switch function {
        case .queryTask where self.live.machine.isManagement(request.referencedTaskTag):
            self.answer(request, .rejected)
        case .queryTask:
            let task = self.live.pendingTask(request.referencedTaskTag)?.task
            self.answer(request, task?.unit === unit ? .succeeded : .complete)
        case .queryTaskSet:
            self.answer(request, self.live.hasTasks(at: unit) ? .succeeded : .complete)
        default:
            guard let event = unit.withUnit({ $0.asynchronousEvent(for: self.session.nexus.id) }) else {
                return self.answer(request, .complete)
            }
            self.answer(request, .succeeded, information: event)
        }
    }
}

extension LiveSession {
    /// Whether any command of the session is in the unit's task set.
    fileprivate func hasTasks(at unit: ServedUnit) -> Bool {
        (self.connections + self.suspendedConnections).contains { handler in
            handler.pending.values.contains { $0.unit === unit }
        }
    }
}
