// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

/// A session's connections, with one CmdSN for all.
final class InitiatorSession {
    var connections: [InitiatorSocket] = []
    let portal: Portal
    private(set) var tsih: UInt16 = 0
    private var cmdSN: UInt32 = 1
    private var nextTag: UInt32 = 1

    init(_ portal: Portal, connections count: Int, keys: [String] = []) async throws {
        self.portal = portal
        let first = try await InitiatorSocket(portal)
        let answer = try await first.login(keys: InitiatorSocket.keys + ["MaxConnections=8"] + keys)
        #expect(answer.pairs.contains("MaxConnections=8"))
        self.tsih = UInt16(truncatingIfNeeded: answer.header.lun)
        self.connections.append(first)
        #expect(try await self.execute(testUnitReady, on: 0).status == 2)
        for id in 1..<max(1, count) { #expect(try await self.join(UInt16(id)).loginStatus == 0) }
    }

    func join(_ id: UInt16, by portal: Portal? = nil) async throws -> PDU {
        try await self.finishJoining(self.beginJoining(id, by: portal))
    }

    func beginJoining(_ id: UInt16, by portal: Portal? = nil) async throws -> InitiatorSocket {
        let socket = try await InitiatorSocket(portal ?? self.portal)
        socket.initiator = Initiator(cmdSN: self.cmdSN)
        socket.sendLogin(tsih: self.tsih, connectionID: id, keys: ["MaxRecvDataSegmentLength=512"])
        return socket
    }

    func finishJoining(_ socket: InitiatorSocket) async throws -> PDU {
        let answer = try await socket.receive()
        if answer.loginStatus == 0 {
            #expect(answer.expCmdSN == self.cmdSN)
            self.connections.append(socket)
        }
        return answer
    }

    func execute(_ cdb: [UInt8], on index: Int, read: Int = 0, written: [UInt8] = []) async throws -> Outcome {
        let tag = self.begin(cdb, on: index, read: read, written: written)
        return try await self.connections[index].end(tag, written: written)
    }

    @discardableResult
    func begin(_ cdb: [UInt8], on index: Int, read: Int = 0, written: [UInt8] = []) -> UInt32 {
        self.begin(cdb, on: index, cmdSN: self.takeCmdSN(), read: read, written: written)
    }

    func takeCmdSN() -> UInt32 {
        defer { self.cmdSN += 1 }
        return self.cmdSN
    }

    func begin(_ cdb: [UInt8], on index: Int, cmdSN: UInt32, read: Int = 0, written: [UInt8] = []) -> UInt32 {
        defer { self.nextTag += 1 }
        let socket = self.connections[index]
        var request = Request.command(
            cdb, tag: self.nextTag, flags: 0x81 | (read > 0 ? 0x40 : 0) | (written.isEmpty ? 0 : 0x20),
            expectedLength: max(read, written.count))
        request.data = Array(written.prefix(65_536))
        request.cmdSN = cmdSN
        // What the other connections sent is this session's too.
        for connection in self.connections {
            connection.initiator.cmdSN = max(connection.initiator.cmdSN, cmdSN + 1)
        }
        socket.sendBytes(socket.initiator.encode(request))
        return self.nextTag
    }

    func send(_ request: Request, on index: Int, isImmediate: Bool = false) {
        var request = request
        request.cmdSN = isImmediate ? self.cmdSN : self.takeCmdSN()
        if isImmediate { request.header[0] |= 0x40 }
        for connection in self.connections {
            connection.initiator.cmdSN = max(connection.initiator.cmdSN, self.cmdSN)
        }
        self.connections[index].sendBytes(self.connections[index].initiator.encode(request))
    }
}
