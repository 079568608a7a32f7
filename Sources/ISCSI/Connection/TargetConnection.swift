// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

/// The target's side of one connection in the full-feature phase (RFC 7143 §4.2, §11).
///
/// One owner feeds it PDUs and appends what it writes to the socket; it holds no socket, no clock and no lock. A PDU
/// comes in by `received` and means at most one thing to the server (`Inbound`). The server answers by calling back:
///
///     .command ─┬─ complete(command, …)                                   done within the pass
///               ├─ beginDataIn ─► writeDataInHeader, bytes, endDataIn …   Data-In, status in the last
///               ├─ beginDataOut ─► .data … ─► consumed ─► complete(tag)   Data-Out, asked for by R2Ts
///               └─ open ─► complete(tag)                                  answered later
///
/// A connection that ends a command within the pass that brought it (a read from the page cache, a write whose data
/// came along) never enters it in the table of open tasks: that is the path that has to be short.
///
/// At error recovery level 0 a violation of sequence ends the connection. Above, what was lost is asked for again, and
/// what was sent is kept until it is acknowledged (`SentRecord`). What an unknown tag refers to was aborted and is ignored.
package struct TargetConnection: ~Copyable {
    package let login: EstablishedLogin
    package internal(set) var parameters: OperationalParameters

    package let session: TargetSession
    /// What the session knows this connection by.
    package let number: UInt32
    var statSN: SerialNumber
    /// ITTs of the tasks that wait for an R2T, in turn.
    var solicitQueue = CircularBuffer<UInt32>()
    /// Bytes of Data-Out that have been asked for or have come, and are not yet consumed.
    var chargedBytes = 0
    var text = TextExchange()
    /// What may be asked for again; nil at error recovery level 0.
    var sent: SentRecord?
    /// The initiator has received every status before this one.
    var acknowledgedStatSN: SerialNumber
    var negotiation = Negotiation()
    /// Whether the initiator has sent a ping, and so will answer one. iPXE of 2019 ends its session when it is pinged.
    package internal(set) var initiatorPings = false

    /// - Parameter statSN: the first StatSN of the full-feature phase.
    package init(login: EstablishedLogin, session: TargetSession, statSN: UInt32) {
        self.login = login
        self.parameters = login.parameters
        self.statSN = SerialNumber(statSN)
        self.acknowledgedStatSN = SerialNumber(statSN)
        self.sent = login.parameters.errorRecoveryLevel > 0 ? SentRecord() : nil
        self.session = session
        self.number = session.enterConnection(id: login.connectionID)
        if session.fencesResponses { session.fence.began(self.number, statSN: self.statSN) }
    }

    /// Takes one PDU. Answers that the protocol gives by itself are appended to `output`.
    package mutating func received(
        _ pdu: PDU, directory: some TargetDirectory, output: inout ByteBuffer
    ) -> Inbound {
        if self.sent != nil { self.acknowledge(pdu.header) }
        if self.session.fencesResponses {
            self.session.fence.acknowledged(on: self.number, SerialNumber(pdu.header[field: 28]))
        }
        if pdu.isDamaged { return self.receivedDamaged(pdu, &output) }
        guard let opcode = pdu.header.opcode else {
            self.reject(pdu.header, .commandNotSupported, &output)
            return .nothing
        }
        switch opcode {
        case .dataOut:
            return self.receivedDataOut(pdu, &output)
        case .snackRequest:
            self.receivedSnack(pdu, &output)
            return .nothing
        case .scsiCommand, .nopOut, .taskManagementRequest, .textRequest, .logoutRequest:
            return self.receivedNumbered(pdu, opcode, directory, &output)
        case .loginRequest:
            return .close(reason: "a login request in the full-feature phase")
        case .nopIn, .scsiResponse, .taskManagementResponse, .loginResponse, .textResponse, .dataIn, .logoutResponse,
            .readyToTransfer, .asyncMessage, .reject:
            self.reject(pdu.header, .protocolError, &output)
            return .nothing
        }
    }

    /// PDUs that have a CmdSN: they are delivered in its order, or at once when immediate.
    private mutating func receivedNumbered(
        _ pdu: PDU, _ opcode: Opcode, _ directory: some TargetDirectory, _ output: inout ByteBuffer
    ) -> Inbound {
        // An answer to our own ping has no task tag, and its CmdSN takes no place in the order (RFC 7143 §11.18).
        if opcode == .nopOut, pdu.header.initiatorTaskTag == reservedTag { return .nothing }
        if !pdu.header.isImmediate {
            switch self.session.window.received(SerialNumber(pdu.header[field: 24])) {
            case .deliver: break
            case .ignore: return .nothing
            case .hold:
                // Of several with one CmdSN the first counts (RFC 7143 §4.2.2.1).
                let cmdSN = pdu.header[field: 24]
                if self.session.held[cmdSN] == nil { self.session.held[cmdSN] = .waiting(pdu, on: self.number) }
                return .nothing
            }
        }
        if pdu.header.isImmediate, self.session.fence.count >= Limits.heldResponses {
            self.reject(pdu.header, .tooManyImmediateCommands, &output)
            return .nothing
        }
        switch opcode {
        case .scsiCommand:
            return self.receivedCommand(pdu, &output)
        case .nopOut:
            self.answerPing(pdu, &output)
            return .nothing
        case .taskManagementRequest:
            return self.receivedManagement(pdu, &output)
        case .textRequest:
            return self.receivedText(pdu, directory, &output)
        default:
            return self.receivedLogout(pdu, &output)
        }
    }

    private mutating func receivedCommand(_ pdu: PDU, _ output: inout ByteBuffer) -> Inbound {
        let command = SCSICommand(pdu)
        guard !self.login.isDiscovery else {
            self.reject(pdu.header, .protocolError, &output)
            return .nothing
        }
        guard self.session.tasks[command.initiatorTaskTag] == nil, command.initiatorTaskTag != reservedTag else {
            self.reject(pdu.header, .taskInProgress, &output)
            return .nothing
        }
        guard !command.isImmediate || self.session.immediateTasks < Limits.immediateCommands else {
            self.reject(pdu.header, .tooManyImmediateCommands, &output)
            return .nothing
        }
        self.sent?.forget(command.initiatorTaskTag)
        if let violation = self.unsolicitedDataViolation(command) {
            self.reject(pdu.header, .protocolError, &output)
            return .close(reason: violation)
        }
        return .command(command)
    }

    /// The rules for data that comes unasked (RFC 7143 §4.2.5.2, §13.10, §13.11).
    private func unsolicitedDataViolation(_ command: SCSICommand) -> String? {
        let immediate = command.immediateData.readableBytes
        let moreFollows = !command.header.isFinal
        guard immediate > 0 || moreFollows else { return nil }
        if !command.writes {
            return "data with a command that has no W bit"
        }
        if immediate > 0, !self.parameters.immediateData {
            return "immediate data although ImmediateData=No was agreed"
        }
        if moreFollows, self.parameters.initialR2T {
            return "unsolicited data although InitialR2T=Yes was agreed"
        }
        if immediate > min(self.parameters.firstBurstLength, command.expectedLength) {
            return "immediate data of \(immediate) bytes, more than FirstBurstLength or the command's length"
        }
        return nil
    }
}
