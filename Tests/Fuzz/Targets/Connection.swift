// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// A session of two connections, from its login on: whatever PDUs come on either, in whatever order stores answer, every
/// PDU that leaves can be cut, is a target's, and keeps to what was agreed.
func fuzzConnection(_ input: Input) {
    var input = input
    guard let login = logIn(&input) else { return }
    var session = FuzzedSession(login)
    while !input.isEmpty { session.step(&input) }
}

/// A login whose keys the first byte chooses; the text that follows it may add to it.
private func logIn(_ input: inout Input) -> EstablishedLogin? {
    let flags = input.byte()
    guard flags >= 224 else { return plainLogins[Int(flags & 127)] }
    return logIn(flags, text: input.take(Int(input.byte())))
}

/// Those without further text: a login takes longer than many a session.
private let plainLogins: [EstablishedLogin?] = (0..<128).map { logIn($0, text: []) }

private func logIn(_ flags: UInt8, text further: [UInt8]) -> EstablishedLogin? {
    func choice(_ bit: UInt8) -> String { flags & bit != 0 ? "Yes" : "No" }
    let pairs: [String] = [
        "InitiatorName=iqn.2026-11.org.example:host", "TargetName=iqn.2026-11.org.apus:disk",
        "ErrorRecoveryLevel=\(min(flags & 3, 2))", "InitialR2T=\(choice(4))", "ImmediateData=\(choice(8))",
        "DataPDUInOrder=\(choice(16))", "DataSequenceInOrder=\(choice(32))",
        "DataDigest=\(flags & 64 != 0 ? "CRC32C" : "None")", "MaxRecvDataSegmentLength=512", "MaxBurstLength=2048",
        "FirstBurstLength=1024", "MaxOutstandingR2T=4", "MaxConnections=2", "iSCSIProtocolLevel=2",
        "TaskReporting=\(flags & 3 == 3 ? "FastAbort" : "RFC3720")",
    ]
    var text: [UInt8] = []
    for pair in pairs {
        text += Array(pair.utf8)
        text.append(0)
    }
    text += further
    var header = BasicHeaderSegment(.loginRequest, flags: 0x80 | 1 << 2 | 3)
    header.isImmediate = true
    header.dataSegmentLength = text.count
    header[field: 24] = 1
    var machine = LoginMachine(
        randomness: LoginRandomness((0..<LoginRandomness.byteCount).map { UInt8(truncatingIfNeeded: $0) }))
    let request = LoginRequest(PDU(header: header, data: ByteBuffer(bytes: text)))
    guard case .establish(_, let login) = machine.received(request, authority: Everybody()) else { return nil }
    return login
}

private struct Everybody: LoginAuthority {
    func decide(_ identity: LoginIdentity) -> LoginDecision {
        .admitted(portalGroupTag: 1, alias: nil)
    }
}

private struct NoTargets: TargetDirectory {
    func targets(named name: String?) -> [DiscoveredTarget] {
        [DiscoveredTarget(name: name ?? "iqn.2026-11.org.apus:disk", addresses: ["127.0.0.1:3260,1"])]
    }
}

/// One connection with what it has not been answered.
private final class FuzzedConnection {
    var connection: TargetConnection
    var output = ByteBuffer()
    var pending: [UInt32: SCSICommand] = [:]
    /// It has failed; at recovery level 2 the other may take its tasks over.
    var isClosed = false

    init(_ login: EstablishedLogin, _ session: TargetSession) {
        self.connection = TargetConnection(login: login, session: session, statSN: 1)
    }
}

private struct FuzzedSession {
    private let session: TargetSession
    private let connections: [FuzzedConnection]
    private let parameters: OperationalParameters

    init(_ login: EstablishedLogin) {
        let session = TargetSession(login: login)
        self.session = session
        self.parameters = login.parameters
        self.connections = (0..<2 as Range<UInt16>).map { id in
            var login = login
            login.connectionID = id
            return FuzzedConnection(login, session)
        }
    }

    /// A PDU, a tick of the clock, or the end of a task.
    mutating func step(_ input: inout Input) {
        let control = input.byte()
        let peer = self.connections[Int(control & 1)]
        switch control >> 1 & 7 {
        case 0:
            for tag in peer.connection.retransmitR2Ts(&peer.output) { self.lose(tag, peer) }
        case 1:
            guard let tag = peer.pending.keys.min() else { break }
            self.finish(tag, peer, status: control & 0x80 != 0 ? 0x02 : 0)
        case 2:
            peer.connection.announce(.logoutRequest(withinSeconds: 1), output: &peer.output)
            peer.connection.ping(output: &peer.output)
        default:
            guard !peer.isClosed else { break }
            self.take(
                peer.connection.received(self.pdu(control, &input), directory: NoTargets(), output: &peer.output), peer)
            while let held = self.session.nextHeld() {
                guard let owner = self.connections.first(where: { $0.connection.number == held.connection }) else {
                    break
                }
                guard !owner.isClosed else { continue }
                self.take(owner.connection.received(held.pdu, directory: NoTargets(), output: &owner.output), owner)
            }
        }
        self.sendReadyResponses()
        for connection in self.connections {
            if !connection.isClosed { connection.connection.solicit(&connection.output) }
            self.check(connection)
        }
    }

    private func sendReadyResponses() {
        while let response = self.session.takeReadyResponse() {
            guard let owner = self.connections.first(where: { $0.connection.number == response.connection }) else {
                broken("a response of a connection that never was")
            }
            owner.connection.send(response, output: &owner.output)
        }
        for number in self.session.takeConnectionsToPing() {
            guard let peer = self.connections.first(where: { $0.connection.number == number }) else { continue }
            peer.connection.ping(output: &peer.output)
        }
    }

    /// A header whose parts are near to what makes sense, and its data. What data says matters in text alone: other data
    /// takes no byte of the input, so that a short one is a long session.
    private func pdu(_ control: UInt8, _ input: inout Input) -> PDU {
        let opcodes: [Opcode] = [
            .nopOut, .scsiCommand, .taskManagementRequest, .textRequest, .dataOut, .logoutRequest, .snackRequest,
            .loginRequest,
        ]
        let kind = input.byte()
        var header = BasicHeaderSegment(opcodes[Int(kind & 7)], flags: input.byte())
        header.isImmediate = control & 0x10 != 0
        header.initiatorTaskTag = kind & 0x80 != 0 ? reservedTag : UInt32(kind >> 3 & 15)
        let isCommand = header.opcode == .scsiCommand
        header[field: 20] =
            isCommand ? UInt32(input.number() & 0x1FFF) : kind & 0x40 != 0 ? reservedTag : UInt32(input.byte())
        let (expCmdSN, _) = self.session.currentWindow
        header[field: 24] =
            expCmdSN &+ UInt32(bitPattern: Int32(Int8(bitPattern: control & 0x20 != 0 ? input.byte() : 0)))
        header[field: 28] = UInt32(input.byte())
        if isCommand {
            let codes: [UInt8] = [0x28, 0x2A, 0x2A, 0x00]
            header[field: 32] = UInt32(codes[Int(input.byte() & 3)]) << 24
            header[field: 36] = UInt32(input.number() & 0x1FFF)
            header[field: 40] = UInt32(input.byte())
        } else {
            for field in stride(from: 32, to: 48, by: 4) { header[field: field] = UInt32(input.byte()) }
            if header.opcode == .dataOut { header[field: 40] <<= 8 }
        }
        let length = input.number() % (Self.filler.readableBytes + 1)
        let data =
            header.opcode == .textRequest
            ? input.buffer(length) : Self.filler.getSlice(at: 0, length: length) ?? ByteBuffer()
        header.dataSegmentLength = data.readableBytes
        var pdu = PDU(header: header, data: data)
        pdu.isDamaged = control & 0x80 != 0 && data.readableBytes > 0
        return pdu
    }

    /// More than a burst.
    private static let filler = ByteBuffer(repeating: 7, count: 2_304)

    // MARK: - The server's part

    private func take(_ inbound: Inbound, _ peer: FuzzedConnection) {
        switch inbound {
        case .nothing: break
        case .command(let command): self.begin(command, peer)
        case .data(let tag, let data, let isLast):
            guard peer.pending[tag] != nil else { broken("Data-Out of a task that is not there") }
            peer.connection.consumed(data.readableBytes, of: tag)
            if isLast { self.finish(tag, peer, status: 0) }
        case .dataOutLost(let tag, _): self.lose(tag, peer)
        case .taskManagement(let request): self.manage(request, peer)
        case .logout(let request):
            peer.connection.respond(to: request, self.session.response(to: request), output: &peer.output)
        case .abandonedDataEnded:
            break
        case .close:
            peer.isClosed = true
            self.session.forgetHeld(of: peer.connection.number)
            self.session.connectionFailed(
                peer.connection.number, hasEnded: self.parameters.errorRecoveryLevel < 2)
        }
    }

    private func begin(_ command: SCSICommand, _ peer: FuzzedConnection) {
        // Several sequences, of several PDUs each.
        let length = Int(command.header[field: 36] & 0x0FFF)
        if command.header[field: 40] & 2 != 0 {
            return peer.connection.refuse(command, status: 0x02, isFenced: true, output: &peer.output)
        }
        switch command.header[field: 32] >> 24 {
        case 0x28:
            peer.connection.complete(
                command, status: command.header[field: 40] & 1 == 0 ? 0 : 0x02,
                sense: ByteBuffer(bytes: [0x70, 0, 5]),
                dataIn: ByteBuffer(repeating: 7, count: length),
                output: &peer.output)
        case 0x2A:
            let isGathered = command.header[field: 40] & 1 != 0
            switch peer.connection.beginDataOut(command, wanted: length, isGathered: isGathered) {
            case .complete: peer.connection.complete(command, status: 0, transferred: length, output: &peer.output)
            case .pending(let data):
                peer.pending[command.initiatorTaskTag] = command
                peer.connection.consumed(data.readableBytes, of: command.initiatorTaskTag)
            }
        default:
            peer.connection.open(command)
            peer.pending[command.initiatorTaskTag] = command
        }
    }

    private func finish(_ tag: UInt32, _ peer: FuzzedConnection, status: UInt8) {
        guard let command = peer.pending.removeValue(forKey: tag) else { return }
        peer.connection.complete(command, status: status, output: &peer.output)
    }

    private func lose(_ tag: UInt32, _ peer: FuzzedConnection) {
        peer.pending[tag] = nil
        guard let command = peer.connection.close(tag) else { broken("a lost task is not there") }
        peer.connection.complete(command, status: 0x02, output: &peer.output)
    }

    private func manage(_ request: TaskManagementRequest, _ peer: FuzzedConnection) {
        let tag = request.referencedTaskTag
        var response = TaskManagementResponse.complete
        switch TaskManagementRequest.Function(rawValue: request.function) {
        case .abortTask:
            if let owner = self.connections.first(where: { $0.pending.removeValue(forKey: tag) != nil }) {
                owner.connection.abort(tag)
            } else {
                response = peer.connection.abortUnknown(request)
            }
        case .taskReassign:
            guard let other = self.connections.first(where: { $0 !== peer && $0.connection.hasTask(tag) }),
                self.parameters.errorRecoveryLevel == 2, other.isClosed, other.connection.canGiveUp(tag)
            else { break }
            peer.connection.respond(to: request, .complete, output: &peer.output)
            if let command = other.pending.removeValue(forKey: tag) { peer.pending[tag] = command }
            return peer.connection.takeOver(
                tag, from: &other.connection, expDataSN: request.expDataSN, output: &peer.output)
        case .abortTaskSet:
            for owner in self.connections {
                for tag in owner.pending.keys { owner.connection.abort(tag, awaitsData: true) }
                owner.pending = [:]
            }
            self.session.stopAwaitingAbandonedData()
        default: response = .notSupported
        }
        peer.connection.respond(to: request, response, output: &peer.output)
    }

    // MARK: - What has left

    private func check(_ peer: FuzzedConnection) {
        guard peer.output.readableBytes > 0 else { return }
        var framer = PDUFramer(maxDataSegmentLength: 0xFF_FFFF)
        framer.hasHeaderDigest = self.parameters.headerDigest
        framer.hasDataDigest = self.parameters.dataDigest
        framer.append(peer.output)
        peer.output = ByteBuffer()
        do {
            while let pdu = try framer.next() {
                guard let opcode = pdu.header.opcode, opcode.rawValue >= 0x20, !pdu.isDamaged else {
                    broken("what has left is no target's PDU: \(pdu)")
                }
                guard pdu.data.readableBytes <= max(512, peer.connection.parameters.initiatorMaxRecvDataSegmentLength)
                else { broken("a segment of \(pdu.data.readableBytes) bytes") }
                if opcode == .readyToTransfer, pdu.header[field: 44] > UInt32(self.parameters.maxBurstLength) {
                    broken("an R2T beyond MaxBurstLength")
                }
                // MaxCmdSN is at least ExpCmdSN - 1 (RFC 7143 §4.2.2.1).
                let room = Int32(bitPattern: pdu.header[field: 32] &- pdu.header[field: 28] &+ 1)
                guard room >= 0 else { broken("MaxCmdSN before ExpCmdSN") }
            }
        } catch {
            broken("what has left cannot be cut: \(error)")
        }
        guard framer.bufferedBytes == 0 else { broken("half a PDU has left") }
    }
}
