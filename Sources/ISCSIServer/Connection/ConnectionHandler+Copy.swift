// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI

/// EXTENDED COPY: one unit's store is read, another's written, a piece at a time.
extension ConnectionHandler {
    func beginCopy(_ machine: CopyMachine, _ continuation: CommandContinuation, _ task: PendingTask) {
        let reachable = self.live.allUnits
        let units = machine.devices.map { device in
            reachable.first { unit in unit.withUnit { $0.isNamed(by: device) } }
        }
        var work = CopyWork(machine: machine, units: units)
        work.machine.start(units.map { unit in unit?.withUnit { $0.info.geometry } })
        self.goOn(work, continuation, task)
    }

    func copyAnswered(
        _ result: Result<BlockReply, BlockError>, _ work: CopyWork, _ continuation: CommandContinuation,
        _ task: PendingTask
    ) {
        var work = work
        work.machine.performed(result)
        let (progress, nexus) = (work.machine.progress, self.session.nexus.id)
        task.unit.withUnit { $0.copying(continuation, progress, nexus: nexus) }
        self.goOn(work, continuation, task)
    }

    private func goOn(_ work: CopyWork, _ continuation: CommandContinuation, _ task: PendingTask) {
        var work = work
        let nexus = self.session.nexus
        while true {
            switch work.machine.next() {
            case .finished(let outcome):
                let step = task.unit.withUnit { $0.resume(continuation, with: .copied(outcome), nexus: nexus) }
                return self.takeNext(step, task)
            case .transfer(let transfer, let device):
                guard let unit = work.units[device],
                    let request = self.admitted(transfer, by: unit)
                else {
                    work.machine.refused()
                    continue
                }
                task.work = .copy(work, continuation)
                return self.submit(request, task, at: unit.store)
            }
        }
    }

    private func admitted(_ transfer: CopyTransfer, by unit: ServedUnit) -> BlockRequest? {
        let nexus = self.live.nexus(with: unit)
        return unit.withUnit { $0.admit(transfer, nexus: nexus) }
    }

    /// The task is aborted.
    func forgetCopy(_ task: PendingTask) {
        guard case .copy(_, let continuation) = task.work else { return }
        let nexus = self.session.nexus.id
        task.unit.withUnit { $0.copyAborted(continuation, nexus: nexus) }
    }
}
