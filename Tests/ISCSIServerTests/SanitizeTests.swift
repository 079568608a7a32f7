// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSIServer
import SCSI
import Testing

@Suite("SANITIZE over sockets", .timeLimit(.minutes(5)))
struct SanitizeTests {
    static let overwrite: [UInt8] = [0x48, 0x81, 0, 0, 0, 0, 0, 0, 5, 0]
    static let list: [UInt8] = [1, 0, 0, 1, 0xAA]
    static let testUnitReady: [UInt8] = [0, 0, 0, 0, 0, 0]

    @Test func `it begins when no older write can follow, outlives its session, and ends`() async throws {
        let store = try ScriptedStore(blockCount: 16_384)
        try await ServerUnderTest.run([store]) { test in
            let writer = try await InitiatorSocket.ready(test.portal, isid: 0x0002_3d00_0002)
            store.hold()
            _ = writer.begin(cdb(0x2a, lba: 7, count: 1), written: [UInt8](repeating: 1, count: 512))
            guard case .write = await store.nextRequest() else {
                Issue.record("the write does not come first")
                return
            }
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try await socket.execute(Self.overwrite, written: Self.list).status == 0)
            #expect(try await socket.execute(Self.testUnitReady).sense == [0x02, 0x04, 0x1B])
            #expect(store.heldCount == 1)
            await socket.close()
            store.release()
            // The writer learns what became of its command when the unit answers again.
            #expect(try await writer.execute(Self.testUnitReady).sense == [0x06, 0x2F, 0x00])
            while try await writer.execute(Self.testUnitReady).status != 0 {}
            #expect(try store.content(BlockRange(lba: 7, count: 1)).allSatisfy { $0 == 0xAA })
        }
    }

    @Test func `the server stops in the middle of one`() async throws {
        let store = try ScriptedStore(blockCount: 1 << 20)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try await socket.execute(Self.overwrite, written: Self.list).status == 0)
            _ = await store.nextRequest()
            await test.units[0].stop()
            let before = store.requests.count
            #expect(try await socket.execute(Self.testUnitReady).sense == [0x02, 0x04, 0x1B])
            #expect(store.requests.count == before)
            #expect(before < 128)
        }
    }
}
