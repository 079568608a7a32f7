// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import Testing

@Suite("Reads and writes over sockets", .timeLimit(.minutes(5)))
struct ReadWriteTests {
    private static func pattern(_ count: Int, seed: Int = 7) -> [UInt8] {
        // A period that no power of two is a multiple of, so that a displaced block shows.
        let period = (0..<1_021).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 131 >> 3) }
        var data: [UInt8] = []
        while data.count < count { data += period }
        return Array(data[..<count])
    }

    @Test(
        arguments: [
            // The command's blocks and what the initiator has, in bytes.
            (1, 200), (3, 1_100), (2, 1_000), (1, 511),
        ], [false, true])
    func `data that ends within a block is written, and the rest of the block stays`(
        sizes: (blocks: Int, expected: Int), waits: Bool
    ) async throws {
        for keys in [InitiatorSocket.keys, ["ImmediateData=No", "MaxBurstLength=512"]] {
            let store = try ScriptedStore(waits: waits)
            try await ServerUnderTest.run([store]) { test in
                let socket = try await InitiatorSocket.ready(test.portal, keys: keys)
                let range = BlockRange(lba: 3, count: UInt32(sizes.blocks))
                let old = [UInt8](repeating: 0xaa, count: sizes.blocks * 512)
                try store.fill(range, with: old)
                let data = Self.pattern(sizes.expected)
                // FUA
                let write = cdb(0x2a, lba: 3, count: sizes.blocks, flags: 0x08)
                let tag =
                    keys == InitiatorSocket.keys
                    ? socket.begin(write, written: data) : socket.begin(write, writing: data.count)
                let outcome = try await socket.end(tag, written: data)
                // Overflow, by what the command would have taken more (RFC 7143 §11.4.5).
                #expect(outcome == Outcome(status: 0, residual: UInt32(sizes.blocks * 512 - sizes.expected)))
                #expect(try store.content(range) == data + old[sizes.expected...])
            }
        }
    }

    @Test func `a refused write is answered when its unsolicited data has come`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            for lun in [0, 5] as [UInt8] {
                let tag = socket.initiator.freshTag()
                var request = Request.command(
                    cdb(0x2a, lba: 0x7fff_ffff, count: 4), tag: tag, flags: 0x21, expectedLength: 2_048)
                request.data = Self.pattern(512)
                request.setLUN(lun)
                socket.send(request)
                try await socket.expectAlive()
                for place in 1...3 {
                    let piece = Request.dataOut(
                        tag: tag, transferTag: 0xffff_ffff, dataSN: UInt32(place - 1), offset: place * 512,
                        isFinal: place == 3, data: Self.pattern(512))
                    socket.sendBytes(socket.initiator.encode(piece))
                    if place < 3 { try await socket.expectAlive() }
                }
                #expect(try await socket.end(tag).sense == (lun == 0 ? [0x05, 0x21, 0x00] : [0x05, 0x25, 0x00]))
            }
            #expect(try await socket.execute(testUnitReady).status == 0)
        }
    }

    @Test(arguments: [false, true])
    func `login, write, flush, read, logout`(waits: Bool) async throws {
        let store = try ScriptedStore(waits: waits)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            let data = Self.pattern(300 * 512)
            #expect(
                try await socket.execute(cdb(0x2a, lba: 5, count: 300), written: data) == Outcome(status: 0))
            #expect(try await socket.execute(cdb(0x35, lba: 0, count: 0)).status == 0)
            let read = try await socket.execute(cdb(0x28, lba: 5, count: 300), read: data.count)
            #expect(read == Outcome(status: 0, data: data))
            #expect(try store.content(BlockRange(lba: 5, count: 300)) == data)
            let snapshot = try #require(test.server.sessions().first)
            #expect(snapshot.bytesRead == 153_600 && snapshot.bytesWritten == 153_600 && snapshot.commands == 5)
            #expect(snapshot.latency.reads.count == 1 && snapshot.latency.writes.count == 1)
            socket.send(.logout(tag: 99))
            #expect(try await socket.receive().header.opcode == .logoutResponse)
            #expect(await socket.receiveUntilEnd().isEmpty)
            await test.loggedOut()
            #expect(test.server.sessions().isEmpty)
        }
    }

    @Test(
        arguments: [
            ["HeaderDigest=CRC32C", "DataDigest=CRC32C"], ["MaxRecvDataSegmentLength=512"],
            ["MaxRecvDataSegmentLength=1000", "MaxBurstLength=1500"], ["MaxRecvDataSegmentLength=16777215"],
            ["InitialR2T=Yes", "MaxBurstLength=512"], ["MaxOutstandingR2T=16", "MaxBurstLength=4096"],
        ], [false, true])
    func `whatever is agreed, what is written is read`(keys: [String], waits: Bool) async throws {
        for blockSize in [512, 4_096] {
            let store = try ScriptedStore(blockCount: 4_096, blockSize: blockSize, waits: waits)
            try await ServerUnderTest.run([store]) { test in
                let socket = try await InitiatorSocket.ready(
                    test.portal,
                    keys: keys + (keys.contains { $0.hasPrefix("First") } ? [] : ["FirstBurstLength=65536"]))
                let count = 40
                let data = Self.pattern(count * blockSize)
                // A command's data goes along as far as FirstBurstLength, here that of MaxBurstLength at most.
                let burst = keys.contains { $0.hasPrefix("MaxBurst") } ? 512 : 65_536
                let tag = socket.initiator.freshTag()
                var request = Request.command(
                    cdb(0x2a, lba: 1, count: count), tag: tag, flags: 0xa1, expectedLength: data.count)
                request.data = Array(data.prefix(burst))
                socket.send(request)
                #expect(try await socket.end(tag, written: data).status == 0)
                #expect(try store.content(BlockRange(lba: 1, count: UInt32(count))) == data)
                // All of it, less than a block more than half, and more than there is.
                for expected in [data.count, data.count / 2 + 100, data.count + 1_000] {
                    let read = try await socket.execute(cdb(0x28, lba: 1, count: count), read: expected)
                    #expect(read.status == 0 && read.data == Array(data.prefix(expected)))
                    #expect(read.residual == UInt32(abs(expected - data.count)))
                }
            }
        }
    }

    @Test(arguments: ["MaxRecvDataSegmentLength=262144", "MaxRecvDataSegmentLength=16777215"])
    func `a read of 16 MiB comes once and in order, however large a segment is`(segment: String) async throws {
        let store = try ScriptedStore()
        let data = Self.pattern(16 << 20)
        try store.fill(BlockRange(lba: 0, count: 32_768), with: data)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, keys: [segment, "MaxBurstLength=16776192"])
            for _ in 0..<4 {
                let read = try await socket.execute(cdb(0x28, lba: 0, count: 32_768), read: data.count)
                #expect(read.status == 0 && read.data == data)
            }
        }
    }

    @Test func `a write of 16 MiB`() async throws {
        let store = try ScriptedStore(waits: true)
        let data = Self.pattern(16 << 20)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try await socket.execute(cdb(0x2a, lba: 0, count: 32_768), written: data).status == 0)
            #expect(try store.content(BlockRange(lba: 0, count: 32_768)) == data)
        }
    }

    @Test(arguments: [false, true])
    func `a write of 8 MiB that fails at its start is answered`(waits: Bool) async throws {
        let store = try ScriptedStore(waits: waits)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            store.fail(BlockError(.full, "a test's disk"))
            let data = [UInt8](repeating: 1, count: 8 << 20)
            let write = try await socket.execute(cdb(0x2a, lba: 0, count: 16_384), written: data)
            #expect(write.status == 0x02 && write.sense == [0x07, 0x27, 0x07])
            try await socket.expectAlive()
        }
    }

    @Test(arguments: [false, true])
    func `a read that fails is answered, whatever was sent of it`(waits: Bool) async throws {
        let store = try ScriptedStore(waits: waits)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            store.fail(BlockError(.read, "a test's disk"))
            let read = try await socket.execute(cdb(0x28, lba: 0, count: 100), read: 51_200)
            #expect(read.status == 0x02 && read.sense == [0x03, 0x11, 0x00])
            try await socket.expectAlive()
        }
    }

    @Test func `data that is gathered: WRITE AND VERIFY of 8 MiB, twice at once`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            let data = Self.pattern(8 << 20)
            let command = cdb(0x2e, lba: 0, count: 16_384, flags: 0x02)
            let tags = [socket.begin(command, written: data), socket.begin(command, written: data)]
            var statuses: [UInt8] = []
            while statuses.count < 2 {
                let pdu = try await socket.receive()
                #expect(tags.contains(pdu.header.initiatorTaskTag))
                if pdu.header.opcode == .readyToTransfer { socket.answer(pdu, with: data) }
                if pdu.header.opcode == .scsiResponse { statuses.append(pdu.scsiStatus) }
            }
            #expect(statuses == [0, 0])
            #expect(try store.content(BlockRange(lba: 0, count: 16_384)) == data)
        }
    }

    @Test func `FUA is durable before it is answered`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            let small = Self.pattern(512)
            #expect(try await socket.execute(cdb(0x2a, lba: 0, count: 1, flags: 0x08), written: small).status == 0)
            let large = Self.pattern(600 * 512)
            #expect(try await socket.execute(cdb(0x2a, lba: 9, count: 600, flags: 0x08), written: large).status == 0)
            let kinds = store.requests.map { request in
                switch request {
                case .write(_, _, let durable): durable ? "durable" : "write"
                case .flush: "flush"
                default: "other"
                }
            }
            #expect(kinds.first == "durable" && kinds.last == "flush")
        }
    }

    @Test func `COMPARE AND WRITE, UNMAP and WRITE SAME go to the store`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            let zeroes = [UInt8](repeating: 0, count: 512)
            let ones = [UInt8](repeating: 1, count: 512)
            var compare: [UInt8] = [0x89] + [UInt8](repeating: 0, count: 15)
            compare[13] = 1
            #expect(try await socket.execute(compare, written: zeroes + ones).status == 0)
            #expect(try store.content(BlockRange(lba: 0, count: 1)) == ones)
            #expect(try await socket.execute(compare, written: zeroes + ones).sense == [0x0e, 0x1d, 0x00])
            #expect(try await socket.execute(cdb(0x41, lba: 1, count: 9), written: ones).status == 0)
            #expect(try store.content(BlockRange(lba: 9, count: 1)) == ones)
            let list: [UInt8] = [0, 22, 0, 16, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0, 10, 0, 0, 0, 0]
            #expect(try await socket.execute([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], written: list).status == 0)
            #expect(try store.content(BlockRange(lba: 9, count: 1)) == zeroes)
        }
    }

    @Test func `many commands at once are each answered once`() async throws {
        let store = try ScriptedStore(waits: true)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            var open: Set<UInt32> = []
            for index in 0..<120 {
                open.insert(socket.begin(cdb(0x28, lba: index * 8, count: 8), read: 4_096))
            }
            while !open.isEmpty {
                let pdu = try await socket.receive()
                if pdu.hasStatus { #expect(open.remove(pdu.header.initiatorTaskTag) != nil) }
            }
            try await socket.expectAlive()
        }
    }
}
