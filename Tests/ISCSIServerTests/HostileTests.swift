// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("Hostile peers", .timeLimit(.minutes(5)))
struct HostileTests {
    @Test func `garbage instead of a login`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            var generator = SeededGenerator(seed: 66)
            for _ in 0..<100 {
                let socket = try await InitiatorSocket(test.portal)
                var bytes = generator.bytes(Int.random(in: 48...4_000, using: &generator))
                // No request is this long, so that none waits for more.
                bytes[5] |= 0x80
                socket.sendBytes(ByteBuffer(bytes: bytes))
                _ = await socket.receiveUntilEnd()
            }
            let socket = try await InitiatorSocket.ready(test.portal)
            try await socket.expectAlive()
            #expect(test.server.sessions().count == 1)
        }
    }

    @Test func `garbage after a login, while others go on`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            var generator = SeededGenerator(seed: 67)
            let good = try await InitiatorSocket.ready(test.portal, isid: 0)
            for round in 1...100 as ClosedRange<UInt64> {
                let socket = try await InitiatorSocket(test.portal)
                #expect(try await socket.login(isid: round).loginStatus == 0)
                for _ in 0..<20 {
                    var request = Request(opcode: UInt8(generator.next() % 0x30))
                    for word in stride(from: 4, to: 48, by: 4) {
                        request[word: word] = UInt32(truncatingIfNeeded: generator.next())
                    }
                    request.header[2] = UInt8(truncatingIfNeeded: generator.next())
                    request.data = generator.bytes(Int(generator.next() % 32))
                    socket.sendBytes(request.encode())
                }
                // Longer than any segment may be: the connection ends here at the latest.
                socket.sendBytes(ByteBuffer(repeating: 0xff, count: 48))
                _ = await socket.receiveUntilEnd()
                if round % 10 == 0 { try await good.expectAlive() }
            }
            await test.loggedOut(100)
            #expect(test.server.sessions().count == 1)
        }
    }

    @Test func `half a PDU, and then nothing`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            var stalled: [InitiatorSocket] = []
            for length in [1, 47, 48, 49, 30_000] {
                let socket = try await InitiatorSocket.ready(test.portal, isid: UInt64(length))
                var write = Request.command(cdb(0x2a, lba: 0, count: 128), tag: 50, flags: 0xa1, expectedLength: 65_536)
                write.data = [UInt8](repeating: 1, count: 65_536)
                socket.sendBytes(ByteBuffer(bytes: socket.initiator.send(write).readableBytesView.prefix(length)))
                stalled.append(socket)
            }
            let good = try await InitiatorSocket.ready(test.portal, isid: 0)
            try await good.expectAlive()
            #expect(test.server.sessions().count == 6)
            for socket in stalled { await socket.close() }
            await test.loggedOut(5)
            // Nothing of half a write is written.
            #expect(try store.content(BlockRange(lba: 0, count: 1)) == [UInt8](repeating: 0, count: 512))
        }
    }

    @Test func `a thousand connections, opened and dropped`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lane in 0..<4 {
                    group.addTask {
                        for index in 0..<250 {
                            let socket = try await InitiatorSocket(test.portal)
                            // Dropped at once, amid the login, and with commands under way.
                            if index % 3 == 1 { socket.sendBytes(ByteBuffer(repeating: 0x43, count: 20)) }
                            if index % 3 == 2 {
                                _ = try await socket.login(isid: UInt64(lane * 1_000 + index))
                                socket.begin(cdb(0x28, lba: 0, count: 4_096), read: 2 << 20)
                            }
                            await socket.close()
                        }
                    }
                }
                try await group.waitForAll()
            }
            await test.loggedOut(4 * 83)
            #expect(test.server.sessions().isEmpty)
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try await socket.execute(cdb(0x28, lba: 0, count: 1), read: 512).status == 0)
        }
    }

    @Test func `a wrong digest ends one connection`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(
                test.portal, keys: ["HeaderDigest=CRC32C", "DataDigest=CRC32C"])
            var write = Request.command(cdb(0x2a, lba: 0, count: 1), tag: 50, flags: 0xa1, expectedLength: 512)
            write.data = [UInt8](repeating: 1, count: 512)
            var bytes = socket.initiator.send(write)
            bytes.setInteger(0x7f as UInt8, at: 60)
            socket.sendBytes(bytes)
            #expect(await socket.receiveUntilEnd().allSatisfy { !$0.hasStatus })
            #expect(try store.content(BlockRange(lba: 0, count: 1)) == [UInt8](repeating: 0, count: 512))
            await test.loggedOut()
        }
    }
}
