// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Wire

/// What the connections of one session have in common: one command order, one table of tasks (RFC 7143 §4.2.2.1).
///
/// All connections of a session run on one event loop, so that this needs no lock: a session of one connection pays one
/// more load for it, and one of many pays a hop for each socket read of those that came in elsewhere.
///
/// A command may come before its turn on one connection and get it by what comes on another. So whoever delivers a
/// command asks afterwards for those that were held (`nextHeld`), and gives each to the connection that it came on:
/// answers belong there (connection allegiance, RFC 7143 §4.2.2.1).
package final class TargetSession {
    package internal(set) var window: CommandWindow
    /// Commands that came before their turn, by CmdSN; the window bounds them.
    var held: [UInt32: HeldCommand] = [:]
    /// Commands that have been delivered and not yet answered, by ITT, which is unique in the session.
    var tasks: [UInt32: OpenCommand] = [:]
    /// Objects of commands that have been answered.
    private var spareTasks: [OpenCommand] = []
    var immediateTasks = 0
    /// What was agreed when the session began.
    package let parameters: OperationalParameters
    /// The initiator's CIDs of the connections that are there, by their numbers.
    private(set) var connectionIDs: [UInt32: UInt16] = [:]
    private var lastConnection: UInt32 = 0
    var nextTransferTag: UInt32 = 1
    /// Whether responses may have to wait for each other (TaskReporting).
    package let fencesResponses: Bool
    var fence = ResponseFence()
    /// Task management that came before commands which it is to act on.
    var postponedManagement: [PostponedManagement] = []
    /// Task management that has not been answered: the numbers of its connections, by ITT.
    var openManagement: [UInt32: UInt32] = [:]
    var abandoned = AbandonedTransfers()

    /// A place in the command order that is taken before its turn.
    enum HeldCommand: Sendable {
        case waiting(PDU, on: UInt32)
        /// Aborted: when its turn comes, it is passed over.
        case aborted
    }

    /// - Parameter login: that of the first connection.
    package init(login: EstablishedLogin) {
        self.window = CommandWindow(firstCmdSN: login.firstCmdSN, size: login.parameters.commandWindow)
        self.parameters = login.parameters
        self.fencesResponses = login.parameters.taskReporting != .rfc3720
    }

    /// ExpCmdSN and MaxCmdSN as they stand.
    package var currentWindow: (expCmdSN: UInt32, maxCmdSN: UInt32) {
        (self.window.expCmdSN.value, self.window.maxCmdSN.value)
    }

    /// The next command whose turn has come, and the number of its connection; nil when there is none.
    package func nextHeld() -> (pdu: PDU, connection: UInt32)? {
        if let management = self.nextManagement() { return management }
        while !self.held.isEmpty, let held = self.held.removeValue(forKey: self.window.expCmdSN.value) {
            switch held {
            case .waiting(let pdu, let connection): return (pdu, connection)
            case .aborted: _ = self.window.received(self.window.expCmdSN)
            }
        }
        return self.nextManagement()
    }

    /// Enters a command in the table.
    func begin(_ command: SCSICommand, connection: UInt32) -> OpenCommand {
        let task: OpenCommand
        if let spare = self.spareTasks.popLast() {
            task = spare
            task.begin(command, connection: connection)
        } else {
            task = OpenCommand(command, connection: connection)
        }
        self.tasks[command.initiatorTaskTag] = task
        return task
    }

    /// Takes a command out of the table; its object serves the next.
    func end(_ initiatorTaskTag: UInt32) -> OpenCommand? {
        guard let task = self.tasks.removeValue(forKey: initiatorTaskTag) else { return nil }
        if self.spareTasks.count < Int(Limits.commandWindow) { self.spareTasks.append(task) }
        return task
    }

    /// A number for a new connection. The initiator's CID may come again; this does not.
    func enterConnection(id: UInt16) -> UInt32 {
        self.lastConnection += 1
        self.connectionIDs[self.lastConnection] = id
        return self.lastConnection
    }

    /// The initiator has logged a connection out: its CID names it no longer.
    package func logOut(connection: UInt32) {
        self.connectionIDs[connection] = nil
    }

    /// Forgets what a connection that is gone had not delivered: the initiator retries it on another (RFC 7143 §7.2.1).
    package func forgetHeld(of connection: UInt32) {
        self.held = self.held.filter {
            if case .waiting(_, on: connection) = $0.value { false } else { true }
        }
        self.postponedManagement.removeAll { $0.connection == connection }
        self.openManagement = self.openManagement.filter { $0.value != connection }
        self.abandoned.forget(connection: connection)
    }

    /// A tag for an R2T, a ping or a text exchange; never the reserved one.
    func takeTransferTag() -> UInt32 {
        defer { self.nextTransferTag = self.nextTransferTag &+ 1 == reservedTag ? 1 : self.nextTransferTag + 1 }
        return self.nextTransferTag
    }
}

/// A command that will be answered later. An object serves one command after the other, so that none is allocated for each.
final class OpenCommand {
    var command: SCSICommand
    /// The number of the connection that the task is allegiant to.
    var connection: UInt32
    var hasDataOut = false
    /// Changed where it lies: a copy of it would copy its lists with the next change.
    var dataOut = DataOutTransfer.nothing
    var chargedBytes = 0
    /// Whether its data is kept until all has come. It is charged as a whole with its first R2T, so that tasks of
    /// this kind never wait for one another's rest.
    var isGathered = false
    var isReserved = false
    /// Whether its tag is in its connection's queue for an R2T, where it is once at most.
    var isQueued = false
    /// What it will be answered with when its unsolicited data has come, which is dropped.
    var refusal: Refusal?

    struct Refusal {
        var status: UInt8
        var sense: ByteBuffer?
        var isFenced: Bool
    }

    init(_ command: SCSICommand, connection: UInt32) {
        self.command = command
        self.connection = connection
    }

    /// The object serves another command.
    fileprivate func begin(_ command: SCSICommand, connection: UInt32) {
        self.command = command
        self.connection = connection
        self.hasDataOut = false
        self.chargedBytes = 0
        self.isGathered = false
        self.isReserved = false
        self.isQueued = false
        self.refusal = nil
    }

    /// The command has Data-Out; the lists of the one before lend their memory.
    func begin(_ dataOut: DataOutTransfer) {
        self.hasDataOut = true
        var bursts: [DataOutTransfer.Burst] = []
        swap(&bursts, &self.dataOut.bursts)
        bursts.removeAll(keepingCapacity: true)
        bursts += dataOut.bursts
        self.dataOut = dataOut
        self.dataOut.bursts = bursts
    }
}
