// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("Peers that do not read", .timeLimit(.minutes(5)))
struct BackPressureTests {
    private static let bytes = 2 << 20
    private static let blocks = Self.bytes / 512

    private static func filled(waits: Bool = false) throws -> (ScriptedStore, ByteBuffer) {
        let store = try ScriptedStore(waits: waits)
        var generator = SeededGenerator(seed: 4)
        var data = ByteBuffer()
        for _ in 0..<(Self.bytes / 8) { data.writeInteger(generator.next()) }
        try store.fill(BlockRange(lba: 0, count: UInt32(Self.blocks)), with: data.array)
        return (store, data)
    }

    @Test(arguments: [false, true])
    func `a peer that stops reading stops its own reads alone, and finds them in order later`(waits: Bool) async throws
    {
        let (store, data) = try Self.filled(waits: waits)
        try await ServerUnderTest.run([store]) { test in
            let slow = try await InitiatorSocket.ready(test.portal, isid: 1, receiveBufferBytes: 65_536)
            try await slow.stopReading()
            let tags = (0..<32).map { _ in slow.begin(cdb(0x28, lba: 0, count: Self.blocks), read: Self.bytes) }
            let other = try await InitiatorSocket.ready(test.portal, isid: 2)
            for _ in 0..<20 {
                #expect(try await other.execute(cdb(0x28, lba: 8, count: 64), read: 32_768).status == 0)
            }
            try await slow.resumeReading()
            var offsets: [UInt32: Int] = [:]
            var done = 0
            while done < tags.count {
                let pdu = try await slow.receive()
                let offset = offsets[pdu.header.initiatorTaskTag] ?? 0
                try #require(pdu.bufferOffset == offset)
                try #require(data.getSlice(at: offset, length: pdu.data.readableBytes) == pdu.data)
                offsets[pdu.header.initiatorTaskTag] = offset + pdu.data.readableBytes
                if pdu.hasStatus { done += 1 }
            }
            #expect(offsets.values.allSatisfy { $0 == Self.bytes })
        }
    }

    @Test func `requests whose answers are not read are not taken in without bound`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, receiveBufferBytes: 65_536)
            try await socket.stopReading()
            var ping = Request.nopOut(tag: 1, data: [UInt8](repeating: 7, count: 65_536))
            ping.header[0] |= 0x40
            let taken = try await socket.floodUntilStuck(with: ping.encode(), atMost: 128 << 20)
            #expect(taken < 64 << 20)
        }
    }

    @Test(arguments: ["8192", "262144", "16777215"])
    func `no more is fetched from the store than a peer has room for`(segment: String) async throws {
        let (store, _) = try Self.filled()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(
                test.portal, keys: ["MaxRecvDataSegmentLength=\(segment)", "MaxBurstLength=1048576"],
                receiveBufferBytes: 65_536)
            try await socket.stopReading()
            for _ in 0..<64 { socket.begin(cdb(0x28, lba: 0, count: 16_384), read: 8 << 20) }
            // What the kernel's buffers on both sides hold is not ours to bound.
            #expect(try await settled { store.fetchedBytes } < 24 << 20)
            // A peer that reads gets the next.
            try await socket.resumeReading()
            _ = try await socket.receive()
        }
    }

    @Test func `a store that is slow is asked for no more than is held for a peer`() async throws {
        let (store, _) = try Self.filled(waits: true)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            store.hold()
            let tags = (0..<100).map { _ in socket.begin(cdb(0x28, lba: 0, count: Self.blocks), read: Self.bytes) }
            try await socket.expectAlive()
            #expect(store.heldCount == ServerLimits.requestedReadBytes / ServerLimits.readChunkBytes)
            // The ends of aborted reads make room as well.
            socket.send(.taskManagement(2, tag: 1_000), isImmediate: true)
            try await socket.expectAlive()
            for _ in tags.prefix(50) { socket.begin(cdb(0x28, lba: 0, count: Self.blocks), read: Self.bytes) }
            store.release()
            var done = 0
            while done < 50 {
                let pdu = try await socket.receive()
                if pdu.header.opcode == .dataIn, pdu.hasStatus { done += 1 }
            }
        }
    }

    @Test func `a logout's answer comes after all that was sent before, however late it is read`() async throws {
        let (store, _) = try Self.filled()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, receiveBufferBytes: 65_536)
            try await socket.stopReading()
            for _ in 0..<3 { socket.begin(cdb(0x28, lba: 0, count: Self.blocks), read: Self.bytes) }
            socket.send(.logout(tag: 99))
            let other = try await InitiatorSocket.ready(test.portal, isid: 2)
            try await other.expectAlive()
            try await socket.resumeReading()
            // The logout ends the reads that have not been sent, but cuts none of the PDUs that have.
            let answers = await socket.receiveUntilEnd()
            #expect(answers.last?.header.opcode == .logoutResponse)
            #expect(answers.dropLast().allSatisfy { $0.header.opcode == .dataIn } && answers.count > 1)
            #expect(socket.initiator.leftOver == 0 && socket.initiator.complaints.isEmpty)
        }
    }
}
