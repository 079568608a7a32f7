// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import NIOCore

/// What the transport must do next for a SCSI command.
///
/// A logical unit decides, the transport moves data and calls the store:
///
///     begin(CDB) ─┬─ .finish ─────────────────────────────────────► status, sense, Data-In
///                 ├─ .read ────► store's blocks leave as Data-In ─► GOOD
///                 ├─ .write ───► Data-Out goes to the store ──────► GOOD
///                 ├─ .collect ─► Data-Out is gathered ─┐
///                 ├─ .perform ─► store ────────────────┤
///                 ├─ .copy ────► the units' stores ────┤
///                 ├─ .passThrough ► the unit's device ─┼──────────► its answer
///                 ├─ .sanitize ► the unit's operation ─┤ or at once
///                 ├─ .selfTest ► the unit's test ──────┼──────────► GOOD at once
///                 └─ .remember ► a file ───────────────┴► resume(…) ► the next step
///
/// Reads and writes, which are nearly all of the traffic, never come back to the logical unit; only a failing store
/// does, as sense data. What those two do not need is indirect: a step is handed from function to function for every
/// command, and must be small.
package enum TaskStep: Sendable {
    /// The command is over.
    case finish(CommandResult)
    /// Send the blocks of the range as Data-In; GOOD when all have left.
    case read(BlockRange)
    /// Receive the blocks of the range as Data-Out and write them; GOOD when all are in the store, and on stable
    /// storage when `durable`.
    case write(BlockRange, durable: Bool)
    /// Receive this many bytes of Data-Out, then resume.
    indirect case collect(byteCount: Int, CommandContinuation)
    /// Perform the request, then resume.
    indirect case perform(BlockRequest, CommandContinuation)
    /// Copy among the units that the nexus may reach, then resume.
    indirect case copy(CopyMachine, CommandContinuation)
    /// Abort every other task of the unit, then do what `nextSanitizeStep` tells until it tells no more; `sanitized` is
    /// the result, or GOOD at once where `isImmediate`.
    case sanitize(isImmediate: Bool)
    /// GOOD at once; do what `nextSelfTestStep` tells until it tells no more.
    case selfTest
    /// Begin the command again, with the ticket, when the unit says that it may (`takeEnabledTasks`); `drains` asks to tell
    /// when the unit's tasks without a ticket have ended.
    case wait(TaskTicket, drains: Bool)
    /// Have the unit's device perform the command; its answer makes the result.
    indirect case passThrough(DeviceCommand)
    /// Bring the change to stable storage, settle it with the unit, then resume.
    indirect case remember(MemoryChange, CommandContinuation)
}

/// What happened since the last step.
package enum TaskEvent: Sendable {
    /// The Data-Out that `.collect` asked for. Shorter than asked for when the initiator had less to send.
    case collected(ByteBuffer)
    /// The store's answer to `.perform`.
    case performed(Result<BlockReply, BlockError>)
    /// What became of the copy that `.copy` asked for.
    case copied(CopyOutcome)
    /// Whether the change that `.remember` brought is on stable storage.
    case remembered(Bool)
}

/// How a command ended.
package struct CommandResult: Sendable {
    package var status: Status
    /// Sense data in its wire format, empty unless the status is CHECK CONDITION.
    package var sense: ByteBuffer?
    /// Data-In, already cut to the CDB's allocation length.
    package var dataIn: ByteBuffer?
    /// The nexuses whose commands on this unit must be aborted before the status leaves (PREEMPT AND ABORT).
    package var abortsTasksOf: [UInt64] = []

    package init(status: Status, sense: ByteBuffer? = nil, dataIn: ByteBuffer? = nil) {
        self.status = status
        self.sense = sense
        self.dataIn = dataIn
    }
}

/// Status codes (SAM-5 §5.3.1).
package enum Status: UInt8, Sendable {
    case good = 0x00
    case checkCondition = 0x02
    case conditionMet = 0x04
    case busy = 0x08
    case reservationConflict = 0x18
    case taskSetFull = 0x28
    case acaActive = 0x30
    case taskAborted = 0x40
}
