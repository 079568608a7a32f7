// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import NIOCore
import SCSI

/// A command that could not be answered within the pass that brought it. Lives on its connection's event loop.
final class PendingTask {
    let command: SCSICommand
    let unit: ServedUnit
    var work: Work
    let began = NIODeadline.now()
    /// Bytes of Data-Out that the logical unit wanted, for the residual count.
    var wantedDataOut = 0
    /// Requests of this task that the store has not answered.
    var requestsInFlight = 0
    /// Bytes that the store is bringing for a READ.
    var requestedReadBytes = 0
    /// The connection that goes on with the task, after the one that it came on has failed. Whatever was begun for the
    /// task before ends there (`ConnectionHandler.owner`).
    var reassigned: ConnectionHandler?
    /// The task was aborted: the store's answers are dropped, and the initiator gets none.
    var isAborted = false
    /// Fulfilled when an aborted task's last request has been answered.
    var idle: EventLoopPromise<Void>?
    /// Where its order among the unit's tasks matters, until it has left them.
    var ticket: TaskTicket?
    /// Whether a task that waits for others has its turn.
    var mayBegin = false
    /// Whether it counts among those that are under way at its unit.
    private var isInQueue = true
    /// Fulfilled when the task is over and no store works for it.
    private var ended: EventLoopPromise<Void>?

    enum Work {
        /// Others come first; Data-Out is gathered.
        case wait(ByteBuffer, hasAllData: Bool)
        case read(ReadWork)
        case write(WriteWork)
        /// Data-Out that is gathered for the logical unit.
        case collect(CommandContinuation, ByteBuffer)
        /// The store performs a request for the logical unit.
        case perform(CommandContinuation)
        /// Units copy among themselves.
        case copy(CopyWork, CommandContinuation)
    }

    init(_ command: SCSICommand, _ unit: ServedUnit, _ work: Work) {
        self.command = command
        self.unit = unit
        self.work = work
        unit.taskBegan()
    }

    deinit {
        self.leaveQueue()
    }

    /// Makes room for another task of the unit, before the initiator learns that there is some.
    private func leaveQueue() {
        guard self.isInQueue else { return }
        self.isInQueue = false
        self.unit.taskEnded()
    }

    func whenEnded(on loop: any EventLoop) -> EventLoopFuture<Void> {
        let promise = self.ended ?? loop.makePromise(of: Void.self)
        self.ended = promise
        return promise.futureResult
    }

    /// The task is over and no store works for it: those that wait for it may begin.
    func leave() {
        self.leaveQueue()
        self.ended?.succeed()
        self.ended = nil
        guard let ticket else { return }
        self.ticket = nil
        self.unit.left(ticket)
    }
}

/// A copy on its way.
struct CopyWork {
    var machine: CopyMachine
    /// The machine's devices, as far as the session may reach them.
    let units: [ServedUnit?]
}

/// A READ on its way.
struct ReadWork {
    let range: BlockRange
    var transfer: DataInTransfer
}

/// A WRITE on its way.
struct WriteWork {
    let range: BlockRange
    let isDurable: Bool
    /// Bytes handed to the store.
    var written = 0
    /// Of these, bytes that the store has not answered for.
    var queuedBytes = 0
    /// The start of a block whose rest has not come: segments need not end where blocks do.
    var partialBlock = ByteBuffer()
    var hasAllData = false
    var isFlushing = false
    var failure: BlockError?
}
