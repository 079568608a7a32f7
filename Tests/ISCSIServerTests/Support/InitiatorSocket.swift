// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import NIOPosix
import Testing

/// An initiator on a real socket, for one task of a test.
final class InitiatorSocket {
    var initiator = Initiator()
    let channel: any Channel
    private let inbox = Inbox()
    private var answers: [PDU] = []

    /// The target has closed the connection.
    struct Ended: Error {}

    static let name = "iqn.2026-11.org.example:host"
    static let target = "iqn.2026-11.org.apus:disk"

    /// What a login proposes unless a test says otherwise.
    static let keys = [
        "InitialR2T=No", "ImmediateData=Yes", "MaxBurstLength=1048576", "FirstBurstLength=262144",
        "MaxOutstandingR2T=4", "MaxRecvDataSegmentLength=262144", "DefaultTime2Wait=0",
    ]

    init(_ portal: Portal, receiveBufferBytes: Int? = nil) async throws {
        let inbox = self.inbox
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(inbox))
                }
            }
        if let receiveBufferBytes {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBufferBytes))
        }
        self.channel = try await bootstrap.connect(host: portal.host, port: portal.port).get()
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let inbox: Inbox

        init(_ inbox: Inbox) {
            self.inbox = inbox
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.inbox.put(self.unwrapInboundIn(data))
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.inbox.end()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    // MARK: - PDUs

    func sendBytes(_ bytes: ByteBuffer) {
        self.channel.writeAndFlush(bytes, promise: nil)
    }

    func send(_ request: Request, isImmediate: Bool = false) {
        self.sendBytes(self.initiator.send(request, isImmediate: isImmediate))
    }

    /// The next PDU; throws when the connection ends.
    func receive() async throws -> PDU {
        while self.answers.isEmpty {
            guard let bytes = await self.inbox.next() else { throw Ended() }
            self.answers = self.initiator.receive(bytes)
        }
        #expect(self.initiator.complaints.isEmpty)
        return self.answers.removeFirst()
    }

    /// Reads until the target closes the connection, and returns what came before.
    func receiveUntilEnd() async -> [PDU] {
        var rest = self.answers
        self.answers = []
        while let bytes = await self.inbox.next() { rest += self.initiator.receive(bytes) }
        return rest
    }

    /// Takes nothing more from the socket until `resumeReading`.
    func stopReading() async throws {
        try await self.channel.setOption(.autoRead, value: false).get()
    }

    func resumeReading() async throws {
        try await self.channel.setOption(.autoRead, value: true).get()
    }

    func close() async {
        try? await self.channel.close()
    }
}

// MARK: - Login

extension InitiatorSocket {
    /// Sends a whole login in one request and returns its answer.
    func login(
        name: String = InitiatorSocket.name, target: String? = InitiatorSocket.target, isid: UInt64 = 0x0002_3d00_0001,
        tsih: UInt16 = 0, connectionID: UInt16 = 0, keys: [String] = InitiatorSocket.keys
    ) async throws -> PDU {
        self.sendLogin(name: name, target: target, isid: isid, tsih: tsih, connectionID: connectionID, keys: keys)
        let answer = try await self.receive()
        #expect(answer.header.opcode == .loginResponse)
        self.initiator.headerDigest = answer.pairs.contains("HeaderDigest=CRC32C")
        self.initiator.dataDigest = answer.pairs.contains("DataDigest=CRC32C")
        return answer
    }

    func sendLogin(
        name: String = InitiatorSocket.name, target: String? = InitiatorSocket.target, isid: UInt64 = 0x0002_3d00_0001,
        tsih: UInt16 = 0, connectionID: UInt16 = 0, keys: [String] = InitiatorSocket.keys
    ) {
        let kind = target.map { ["TargetName=\($0)", "SessionType=Normal"] } ?? ["SessionType=Discovery"]
        let pairs = (["InitiatorName=\(name)"] + kind + keys).flatMap { text($0) }
        self.sendBytes(
            Request.login(
                csg: 1, nsg: 3, isid: isid, tsih: tsih, cmdSN: self.initiator.cmdSN, connectionID: connectionID,
                text: pairs
            ).encode())
    }

    /// Logs in and takes the unit attention of each LUN.
    static func ready(
        _ portal: Portal, isid: UInt64 = 0x0002_3d00_0001, keys: [String] = InitiatorSocket.keys, luns: [UInt8] = [0],
        receiveBufferBytes: Int? = nil
    ) async throws -> InitiatorSocket {
        let socket = try await InitiatorSocket(portal, receiveBufferBytes: receiveBufferBytes)
        #expect(try await socket.login(isid: isid, keys: keys).loginStatus == 0)
        for lun in luns {
            #expect(try await socket.execute(testUnitReady, lun: lun).sense == [0x06, 0x29, 0x00])
            #expect(try await socket.execute(testUnitReady, lun: lun).status == 0)
        }
        return socket
    }
}

// MARK: - Commands

/// How a command ended.
struct Outcome: Equatable {
    var status: UInt8
    var data: [UInt8] = []
    var sense: [UInt8] = []
    var residual: UInt32 = 0
}

let testUnitReady: [UInt8] = [0, 0, 0, 0, 0, 0]

func cdb(_ operationCode: UInt8, lba: Int, count: Int, flags: UInt8 = 0) -> [UInt8] {
    [operationCode, flags] + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: lba >> $0) } + [0]
        + [UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count), 0]
}

extension InitiatorSocket {
    /// Sends a command and returns its tag. What is `written` goes with it as far as was agreed, the rest for R2Ts.
    @discardableResult
    func begin(
        _ cdb: [UInt8], lun: UInt8 = 0, read: Int = 0, written: [UInt8] = [], isImmediate: Bool = false,
        attribute: UInt8 = 1
    ) -> UInt32 {
        let tag = self.initiator.freshTag()
        var request = Request.command(
            cdb, tag: tag, flags: 0x80 | attribute | (read > 0 ? 0x40 : 0) | (written.isEmpty ? 0 : 0x20),
            expectedLength: max(read, written.count))
        request.setLUN(lun)
        request.data = Array(written.prefix(65_536))
        self.send(request, isImmediate: isImmediate)
        return tag
    }

    /// Sends a command whose data waits for R2Ts, and returns its tag.
    func begin(_ cdb: [UInt8], writing length: Int) -> UInt32 {
        let tag = self.initiator.freshTag()
        self.send(.command(cdb, tag: tag, flags: 0xa1, expectedLength: length))
        return tag
    }

    /// Answers R2Ts and gathers Data-In until the task of `tag` ends.
    func end(_ tag: UInt32, written: [UInt8] = []) async throws -> Outcome {
        var data: [UInt8] = []
        while true {
            let pdu = try await self.receive()
            guard pdu.header.initiatorTaskTag == tag else {
                Issue.record("\(pdu.header.opcode.debugDescription) of task \(pdu.header.initiatorTaskTag)")
                continue
            }
            switch pdu.header.opcode {
            case .dataIn:
                try #require(pdu.bufferOffset == data.count)
                data += pdu.data.array
                if pdu.hasStatus { return Outcome(status: pdu.scsiStatus, data: data, residual: pdu.residualCount) }
            case .readyToTransfer:
                self.answer(pdu, with: written)
            case .scsiResponse:
                return Outcome(status: pdu.scsiStatus, data: data, sense: pdu.sense, residual: pdu.residualCount)
            default:
                Issue.record("\(pdu.header.opcode.debugDescription) answers a command")
            }
        }
    }

    /// Sends the burst that `r2t` asks for.
    func answer(_ r2t: PDU, with data: [UInt8]) {
        let end = r2t.bufferOffset + r2t.desiredLength
        var dataSN: UInt32 = 0
        for start in stride(from: r2t.bufferOffset, to: end, by: 262_144) {
            let stop = min(start + 262_144, end)
            self.sendBytes(
                self.initiator.encode(
                    .dataOut(
                        tag: r2t.header.initiatorTaskTag, transferTag: r2t.transferTag, dataSN: dataSN, offset: start,
                        isFinal: stop == end, data: Array(data[start..<stop]))))
            dataSN += 1
        }
    }

    func execute(_ cdb: [UInt8], lun: UInt8 = 0, read: Int = 0, written: [UInt8] = []) async throws -> Outcome {
        try await self.end(self.begin(cdb, lun: lun, read: read, written: written), written: written)
    }

    /// Pings, and checks that the answer comes: the session is alive.
    func expectAlive() async throws {
        let tag = self.initiator.freshTag() | 0x4000_0000
        self.send(.nopOut(tag: tag), isImmediate: true)
        let answer = try await self.receive()
        #expect(answer.header.opcode == .nopIn && answer.header.initiatorTaskTag == tag)
    }
}
