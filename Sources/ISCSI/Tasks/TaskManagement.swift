// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Wire

extension TaskManagementRequest {
    private var kind: Function? { Function(rawValue: self.function) }

    /// Whether it may end several tasks (RFC 7143 §4.2.3.2, RFC 7144 §6.5).
    package var endsSeveralTasks: Bool {
        switch self.kind {
        case .abortTaskSet, .clearTaskSet, .logicalUnitReset, .targetWarmReset, .targetColdReset, .nexusReset: true
        default: false
        }
    }

    /// Whether it ends all tasks of its session, so that nothing has to be waited for that has not come.
    fileprivate var isOfTarget: Bool {
        self.kind == .targetWarmReset || self.kind == .targetColdReset
    }

    /// Whether its response overtakes none and is not overtaken (RFC 7143 §4.2.2.3.4).
    var isFenced: Bool {
        self.endsSeveralTasks || self.kind == .clearACA
    }
}

/// Task management that waits for commands which it is to act on.
struct PostponedManagement: Sendable {
    var pdu: PDU
    var connection: UInt32
}

extension TargetConnection {
    /// Task management acts on every command with a lower CmdSN. Where such commands are still on their way, on another
    /// connection or because they have to be sent again, a request for immediate delivery that ends several tasks waits
    /// for them; one that ends all takes them as come and aborted (RFC 7143 §4.2.3.3 b).
    mutating func receivedManagement(_ pdu: PDU, _ output: inout ByteBuffer) -> Inbound {
        let request = TaskManagementRequest(pdu.header)
        let cmdSN = SerialNumber(request.cmdSN)
        let window = self.session.window
        if pdu.header.isImmediate, request.endsSeveralTasks, window.expCmdSN.precedes(cmdSN),
            !window.maxCmdSN.advanced(by: 1).precedes(cmdSN)
        {
            guard !request.isOfTarget else {
                self.session.plug(before: cmdSN)
                return self.managing(request)
            }
            guard self.session.postponedManagement.count < Limits.immediateCommands else {
                self.reject(pdu.header, .tooManyImmediateCommands, &output)
                return .nothing
            }
            self.session.postponedManagement.append(PostponedManagement(pdu: pdu, connection: self.number))
            return .nothing
        }
        return self.managing(request)
    }

    private mutating func managing(_ request: TaskManagementRequest) -> Inbound {
        self.session.openManagement[request.initiatorTaskTag] = self.number
        return .taskManagement(request)
    }
}

extension TargetSession {
    /// Whether the tag is that of a task management request that has not been answered; nothing can be done with that
    /// (RFC 7143 §11.5.1).
    package func isManagement(_ initiatorTaskTag: UInt32) -> Bool {
        self.openManagement[initiatorTaskTag] != nil
            || self.postponedManagement.contains { $0.pdu.header.initiatorTaskTag == initiatorTaskTag }
    }

    /// Task management whose commands have all come.
    func nextManagement() -> (pdu: PDU, connection: UInt32)? {
        guard !self.postponedManagement.isEmpty else { return nil }
        let index = self.postponedManagement.firstIndex {
            !self.window.expCmdSN.precedes(SerialNumber($0.pdu.header[field: 24]))
        }
        guard let index else { return nil }
        let next = self.postponedManagement.remove(at: index)
        return (next.pdu, next.connection)
    }

    /// Takes every command before `cmdSN` that has not been delivered as come and aborted.
    fileprivate func plug(before cmdSN: SerialNumber) {
        var place = self.window.expCmdSN
        while place.precedes(cmdSN) {
            switch self.held[place.value] {
            case .waiting(let pdu, _) where pdu.header.opcode != .scsiCommand: break
            default: self.held[place.value] = .aborted
            }
            place = place.advanced(by: 1)
        }
    }
}

/// Bursts that R2Ts asked for and whose tasks have been aborted: what still comes of them is dropped, even where their
/// task's tag has a new task by then (RFC 7143 §4.2.3.3, §4.2.3.4).
struct AbandonedTransfers: Sendable {
    private struct Transfer: Sendable {
        var connection: UInt32
        /// Whether task management waits for its end before it is answered.
        var isAwaited: Bool
    }

    private var transfers: [UInt32: Transfer] = [:]
    /// Target transfer tags, oldest first; those that are gone are passed over.
    private var order = CircularBuffer<UInt32>()
    private(set) var awaitedCount = 0

    var isEmpty: Bool { self.transfers.isEmpty }

    mutating func add(_ transferTag: UInt32, connection: UInt32, isAwaited: Bool) {
        self.transfers[transferTag] = Transfer(connection: connection, isAwaited: isAwaited)
        self.order.append(transferTag)
        if isAwaited { self.awaitedCount += 1 }
        while self.order.count > Limits.abandonedTransfers, let oldest = self.order.popFirst() { self.remove(oldest) }
    }

    private mutating func remove(_ transferTag: UInt32) {
        guard let transfer = self.transfers.removeValue(forKey: transferTag) else { return }
        if transfer.isAwaited { self.awaitedCount -= 1 }
    }

    /// Whether Data-Out belongs to one of these.
    mutating func takes(_ transferTag: UInt32, isFinal: Bool) -> Bool {
        guard self.transfers[transferTag] != nil else { return false }
        if isFinal { self.remove(transferTag) }
        return true
    }

    mutating func forget(connection: UInt32) {
        for (tag, transfer) in self.transfers where transfer.connection == connection { self.remove(tag) }
    }

    mutating func stopAwaiting() {
        for tag in self.transfers.keys { self.transfers[tag]?.isAwaited = false }
        self.awaitedCount = 0
    }
}

extension TargetSession {
    /// Whether the initiator still has to end bursts of tasks that its own task management has aborted.
    package var awaitsAbandonedData: Bool {
        self.abandoned.awaitedCount > 0
    }

    /// The initiator does not: nobody waits any longer.
    package func stopAwaitingAbandonedData() {
        self.abandoned.stopAwaiting()
    }
}

extension TargetConnection {
    /// Takes a task that was aborted out of the table.
    ///
    /// - Parameter awaitsData: whether the initiator has to end what it was asked for before it is answered.
    package mutating func abort(_ initiatorTaskTag: UInt32, awaitsData: Bool = false) {
        if let task = self.session.tasks[initiatorTaskTag], task.hasDataOut {
            for burst in task.dataOut.outstanding {
                self.session.abandoned.add(
                    burst.targetTransferTag, connection: self.number, isAwaited: awaitsData)
            }
        }
        self.close(initiatorTaskTag)
    }
}
