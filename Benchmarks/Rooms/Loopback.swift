// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import NIOCore
import SCSI

/// Our initiator and our target without a socket: what one writes is what the other reads, and blocks are in memory.
///
/// It does for a connection what the server does, with the same buffers kept from pass to pass.
struct Loopback: ~Copyable {
    static let blockSize = 512

    private var initiator: InitiatorConnection
    private var requests = OutgoingBytes()
    private var initiatorFramer: PDUFramer
    private let session: TargetSession
    private var target: TargetConnection
    private var targetFramer: PDUFramer
    private var output = ByteBuffer()
    private var unit: LogicalUnit
    private let nexus: Nexus
    private var memory: [UInt8]
    /// Bytes on their way, in buffers that are used again as a socket's are.
    private var wire = ByteBuffer()
    private let directory = NoTargets()

    private struct NoTargets: TargetDirectory {
        func targets(named name: String?) -> [DiscoveredTarget] { [] }
    }

    /// The target's allocations and commands so far.
    private(set) var targetAllocations: UInt64 = 0
    private(set) var initiatorAllocations: UInt64 = 0

    /// - Parameter isSolicited: whether all data of writes is asked for by R2Ts.
    init(depth: Int, digests: Bool = false, isSolicited: Bool = false) throws {
        let (agreement, login) = try Login.negotiate(digests: digests, isSolicited: isSolicited)
        self.initiator = InitiatorConnection(agreement, depth: depth)
        self.initiatorFramer = PDUFramer(maxDataSegmentLength: ISCSI.Limits.maxRecvDataSegmentLength)
        self.initiatorFramer.piecewise = .dataIn
        self.targetFramer = PDUFramer(maxDataSegmentLength: ISCSI.Limits.maxRecvDataSegmentLength)
        self.session = TargetSession(login: login)
        self.target = TargetConnection(login: login, session: self.session, statSN: agreement.expStatSN)
        self.initiatorFramer.hasHeaderDigest = digests
        self.initiatorFramer.hasDataDigest = digests
        self.targetFramer.hasHeaderDigest = digests
        self.targetFramer.hasDataDigest = digests
        let geometry = BlockGeometry(blockSize: Self.blockSize, blockCount: 8_192)
        self.memory = [UInt8](repeating: 7, count: 8_192 * Self.blockSize)
        self.unit = LogicalUnit(
            identity: LogicalUnitIdentity(product: "disk", serial: "1"),
            info: BlockInfo(geometry: geometry, capabilities: []))
        self.nexus = Nexus(
            id: 1, initiatorPort: "iqn.2026-11.org.example:host,i,0x000000000001",
            targetName: login.identity.targetName ?? "", relativeTargetPort: 1)
    }

    /// Sends `commands` in one pass and takes their answers; returns the commands that ended with GOOD.
    mutating func pass(_ commands: Int, _ command: (Int) -> InitiatorCommand) throws -> Int {
        var before = allocationCount()
        for index in 0..<commands { _ = self.initiator.send(command(index), &self.requests) }
        var good = 0
        // Requests and answers go to and fro until nobody has more to say.
        while self.requests.byteCount > 0 {
            self.wire.clear()
            self.requests.drain { self.wire.writeImmutableBuffer($0) }
            self.requests.clear()
            self.initiatorAllocations += allocationCount() - before
            before = allocationCount()
            try self.serve()
            self.targetAllocations += allocationCount() - before
            before = allocationCount()
            good += try self.takeAnswers()
        }
        self.initiatorAllocations += allocationCount() - before
        return good
    }

    private mutating func serve() throws {
        // The buffer goes over as a socket's read hands it over, and comes back when nobody holds it.
        self.targetFramer.append(self.wire)
        while let pdu = try self.targetFramer.next() {
            switch self.target.received(pdu, directory: self.directory, output: &self.output) {
            case .command(let command): self.begin(command)
            case .data(let tag, let data, let isLast):
                self.target.consumed(data.readableBytes, of: tag)
                if isLast, let command = self.target.close(tag) {
                    self.target.complete(command, status: 0, transferred: command.expectedLength, output: &self.output)
                }
            default: break
            }
        }
        self.target.solicit(&self.output)
    }

    private mutating func begin(_ command: SCSICommand) {
        let nexus = self.nexus
        let step = command.withCDB { self.unit.begin($0, expectedDataOut: command.expectedDataOut, nexus: nexus) }
        switch step {
        case .read(let range):
            var transfer = DataInTransfer(command, wanted: Int(range.count) * Self.blockSize)
            while !transfer.isDone {
                let length = transfer.nextLength(self.target.parameters)
                let start = Int(range.lba) * Self.blockSize + transfer.offset
                self.target.writeDataInHeader(&transfer, length: length, output: &self.output)
                self.output.writeBytes(self.memory[start..<(start + length)])
                self.target.endDataIn(length: length, output: &self.output)
            }
        case .write(let range, _):
            let wanted = Int(range.count) * Self.blockSize
            if case .complete = self.target.beginDataOut(command, wanted: wanted) {
                self.target.complete(command, status: 0, transferred: wanted, output: &self.output)
            }
        case .finish(let result):
            self.target.complete(command, status: result.status.rawValue, output: &self.output)
        default:
            preconditionFailure("a benchmark's command is answered at once")
        }
    }

    private mutating func takeAnswers() throws -> Int {
        var good = 0
        self.initiatorFramer.append(self.output)
        while let pdu = try self.initiatorFramer.next() {
            switch try self.initiator.received(pdu, &self.requests) {
            case .ended(_, let ending), .dataAndEnd(_, _, _, let ending): good += ending.isGood ? 1 : 0
            default: break
            }
        }
        self.output.clear()
        return good
    }
}

enum Login {
    struct Anyone: LoginAuthority {
        func decide(_ identity: LoginIdentity) -> LoginDecision {
            .admitted(portalGroupTag: 1, alias: nil, authentication: .none)
        }
    }

    enum Failure: Error { case refused }

    /// A whole login of our initiator with our target.
    static func negotiate(digests: Bool = false, isSolicited: Bool = false) throws -> (
        InitiatorAgreement, EstablishedLogin
    ) {
        var proposal = LoginProposal(
            initiatorName: "iqn.2026-11.org.example:host", targetName: "iqn.2026-11.org.apus:disk", isid: ISID(1))
        proposal.headerDigest = digests
        proposal.dataDigest = digests
        proposal.immediateData = !isSolicited
        proposal.initialR2T = isSolicited
        var login = InitiatorLogin(proposal, firstCmdSN: 1)
        var machine = LoginMachine(
            randomness: LoginRandomness([UInt8](repeating: 1, count: LoginRandomness.byteCount)))
        var framer = PDUFramer()
        var request = ByteBuffer()
        login.begin(&request)
        for statSN in 0..<8 as Range<UInt32> {
            framer.append(request)
            request = ByteBuffer()
            guard let pdu = try framer.next() else { break }
            var response: LoginResponse
            var established: EstablishedLogin?
            switch machine.received(LoginRequest(pdu), authority: Anyone()) {
            case .reply(let reply): response = reply
            case .establish(let reply, let login): (response, established) = (reply, login)
            case .fail: throw Failure.refused
            }
            response.tsih = established == nil ? 0 : 1
            var header = response.header
            header[field: 24] = statSN
            header[field: 28] = 1
            header[field: 32] = ISCSI.Limits.commandWindow
            let agreement = try login.received(PDU(header: header, data: response.text), &request)
            if let agreement, let established { return (agreement, established) }
        }
        throw Failure.refused
    }
}
