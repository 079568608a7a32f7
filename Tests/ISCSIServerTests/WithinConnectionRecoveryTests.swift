// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7143 §7 recovery within a connection over sockets", .timeLimit(.minutes(5)))
struct WithinConnectionRecoveryTests {
    private static func ready(_ test: ServerUnderTest, _ keys: [String] = []) async throws -> InitiatorSocket {
        let agreed = [
            "ErrorRecoveryLevel=1", "InitialR2T=Yes", "ImmediateData=No", "MaxBurstLength=4096",
            "MaxRecvDataSegmentLength=512",
        ]
        return try await InitiatorSocket.ready(test.portal, keys: agreed + keys)
    }

    private static let pattern = (0..<(16 * 512)).map { UInt8(truncatingIfNeeded: $0 / 512 &* 13) }

    @Test func `a Data-In that was lost comes again on request, before and after the status`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await Self.ready(test)
            try store.fill(BlockRange(lba: 0, count: 16), with: Self.pattern)
            let tag = socket.begin(cdb(0x28, lba: 0, count: 16), read: 16 * 512)
            var segments: [UInt32: PDU] = [:]
            var status: PDU?
            while status == nil {
                let pdu = try await socket.receive()
                // The fourth and the last are lost on the way.
                if pdu.header.opcode == .scsiResponse {
                    status = pdu
                } else if ![3, 15].contains(pdu.dataSN) {
                    segments[pdu.dataSN] = pdu
                }
            }
            #expect(status?.dataSN == 16 && segments.count == 14)
            for missing in [3, 15] as [UInt32] {
                socket.sendBytes(socket.initiator.encode(.snack(0, tag: tag, begin: missing, length: 1)))
                let again = try await socket.receive()
                #expect(again.dataSN == missing && again.bufferOffset == Int(missing) * 512)
                segments[again.dataSN] = again
            }
            #expect((0..<16).flatMap { segments[$0]?.data.array ?? [] } == Self.pattern)
            // Once its status is acknowledged nothing of it is kept.
            var ping = Request.nopOut(tag: 0x55)
            ping[word: 28] = try #require(status).statSN + 1
            socket.send(ping, isImmediate: true)
            #expect(try await socket.receive().header.opcode == .nopIn)
            var late = Request.snack(0, tag: tag, begin: 3, length: 1)
            late[word: 28] = try #require(status).statSN + 1
            socket.sendBytes(socket.initiator.encode(late))
            let reject = try await socket.receive()
            #expect(reject.header.opcode == .reject && reject.responseCode == 0x04)
        }
    }

    @Test func `a status that was lost comes again, with its number`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await Self.ready(test)
            let tag = socket.begin(testUnitReady)
            let lost = try await socket.receive()
            #expect(lost.header.initiatorTaskTag == tag)
            var request = Request.snack(1, begin: lost.statSN, length: 1)
            request[word: 28] = lost.statSN
            socket.initiator.expectStatus(lost.statSN)
            socket.sendBytes(socket.initiator.encode(request))
            let again = try await socket.receive()
            #expect(again.statSN == lost.statSN && again.header.initiatorTaskTag == tag && again.scsiStatus == 0)
            #expect(try await socket.execute(testUnitReady).status == 0)
        }
    }

    @Test func `Data-Out with a digest error is rejected and asked for again`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await Self.ready(test, ["DataDigest=CRC32C"])
            let data = Array(Self.pattern.prefix(8 * 512))
            let tag = socket.begin(cdb(0x2a, lba: 2, count: 8), writing: data.count)
            let r2t = try await socket.receive()
            #expect(r2t.header.opcode == .readyToTransfer && r2t.desiredLength == data.count)
            for place in 0..<8 {
                let piece = Request.dataOut(
                    tag: tag, transferTag: r2t.transferTag, dataSN: UInt32(place), offset: place * 512,
                    isFinal: place == 7, data: Array(data[(place * 512)..<(place * 512 + 512)]))
                var bytes = socket.initiator.encode(piece)
                if place == 5 { bytes.setInteger(UInt8(0xee), at: 48 + 100) }
                socket.sendBytes(bytes)
            }
            let reject = try await socket.receive()
            #expect(reject.header.opcode == .reject && reject.responseCode == 0x02)
            let again = try await socket.receive()
            #expect(
                again.header.opcode == .readyToTransfer && again.bufferOffset == 5 * 512 && again.desiredLength == 512)
            #expect(again.dataSN == r2t.dataSN + 1 && again.transferTag != r2t.transferTag)
            socket.answer(again, with: data)
            #expect(try await socket.end(tag).status == 0)
            #expect(try store.content(BlockRange(lba: 2, count: 8)) == data)
        }
    }

    @Test func `an R2T that was lost comes again by itself`() async throws {
        let store = try ScriptedStore()
        var times = ServerTimes.patient
        times.dataOut = .seconds(2)
        try await ServerUnderTest.run([store], times: times) { test in
            let socket = try await Self.ready(test)
            let data = Array(Self.pattern.prefix(4 * 512))
            let tag = socket.begin(cdb(0x2a, lba: 0, count: 4), writing: data.count)
            let lost = try await socket.receive()
            let again = try await socket.receive()
            #expect(again.header.opcode == .readyToTransfer)
            #expect(again.transferTag == lost.transferTag && again.dataSN == lost.dataSN)
            socket.answer(again, with: data)
            // Others may be on their way; what was answered already is asked for no more.
            #expect(try await socket.end(tag, written: data).status == 0)
            #expect(try store.content(BlockRange(lba: 0, count: 4)) == data)
        }
    }

    @Test func `a header digest error ends the connection at level 1, and the session with it`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await Self.ready(test, ["HeaderDigest=CRC32C"])
            var bytes = socket.initiator.encode(.nopOut(tag: 1))
            bytes.setInteger(UInt8(0x35), at: 37)
            socket.sendBytes(bytes)
            #expect(await socket.receiveUntilEnd().isEmpty)
            await test.loggedOut()
            #expect(test.server.sessions().isEmpty)
        }
    }
}
