// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BlockStores
import ISCSIServer
import NIOCore
import SCSI
import Synchronization
import Testing

/// PERSISTENT RESERVE commands over a socket.
extension InitiatorSocket {
    /// REGISTER AND IGNORE EXISTING KEY with APTPL=1.
    func beginRegistering(_ key: UInt64) -> (tag: UInt32, list: [UInt8]) {
        var list = ByteBuffer()
        list.writeInteger(UInt64(0))
        list.writeInteger(key)
        list.writeInteger(UInt64(0x0100_0000))
        let bytes = Array(list.readableBytesView)
        return (self.begin([0x5F, 6, 0, 0, 0, 0, 0, 0, 24, 0], written: bytes), bytes)
    }

    func register(_ key: UInt64) async throws -> Outcome {
        let (tag, list) = self.beginRegistering(key)
        return try await self.end(tag, written: list)
    }

    /// READ KEYS.
    func registeredKeys() async throws -> [UInt64] {
        var data = ByteBuffer(bytes: try await self.execute([0x5E, 0, 0, 0, 0, 0, 0, 1, 0, 0], read: 256).data)
        data.moveReaderIndex(forwardBy: 8)
        var keys: [UInt64] = []
        while let key = data.readInteger(as: UInt64.self) { keys.append(key) }
        return keys
    }
}

/// A place for a unit's memory that can break.
private final class Notebook: Sendable {
    let state = Mutex(State())

    struct State {
        var content: ByteBuffer?
        var writes = 0
        var isBroken = false
    }

    struct Broken: Error {}

    func keeper() throws -> UnitKeeper {
        let content = self.state.withLock { $0.content }
        return try UnitKeeper(serial: "00000000-0000-4000-8000-000000000000", content: content) { content in
            try self.state.withLock { state in
                state.writes += 1
                if state.isBroken { throw Broken() }
                state.content = content
            }
        }
    }
}

@Suite("What units remember")
struct MemoryTests {
    @Test func `registrations with APTPL are there when the server is`() async throws {
        let notebook = Notebook()
        try await ServerUnderTest.run([RAMStore(size: 1 << 20)], keeper: notebook.keeper()) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try await socket.register(0x1234).status == 0)
            #expect(
                try await socket.execute([0x5F, 1, 3, 0, 0, 0, 0, 0, 24, 0], written: Self.list(0x1234)).status == 0)
        }
        try await ServerUnderTest.run([RAMStore(size: 1 << 20)], keeper: notebook.keeper()) { test in
            let holder = try await InitiatorSocket.ready(test.portal)
            #expect(try await holder.registeredKeys() == [0x1234])
            #expect(try await holder.execute(cdb(0x28, lba: 0, count: 1), read: 512).status == 0)
            let other = try await InitiatorSocket.ready(test.portal, isid: 0x0002_3d00_0002)
            #expect(try await other.execute(cdb(0x28, lba: 0, count: 1), read: 512).status == 0x18)
        }
    }

    @Test func `a command whose memory cannot be written fails and changes nothing`() async throws {
        let notebook = Notebook()
        try await ServerUnderTest.run([RAMStore(size: 1 << 20)], keeper: notebook.keeper()) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try await socket.register(1).status == 0)
            notebook.state.withLock { $0.isBroken = true }
            #expect(try await socket.register(2).sense == [0x04, 0x44, 0x00])
            #expect(try await socket.registeredKeys() == [1])
            notebook.state.withLock { $0.isBroken = false }
            #expect(try await socket.register(3).status == 0)
            #expect(try await socket.registeredKeys() == [3])
        }
    }

    @Test func `commands at the same time share writes and are all kept`() async throws {
        let notebook = Notebook()
        try await ServerUnderTest.run([RAMStore(size: 1 << 20)], keeper: notebook.keeper()) { test in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for host in 1...8 {
                    group.addTask {
                        let socket = try await InitiatorSocket.ready(test.portal, isid: 0x0002_3d00_0000 + UInt64(host))
                        for round in 1...20 {
                            #expect(try await socket.register(UInt64(host * 100 + round)).status == 0)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        try await ServerUnderTest.run([RAMStore(size: 1 << 20)], keeper: notebook.keeper()) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try await Set(socket.registeredKeys()) == Set((1...8).map { UInt64($0 * 100 + 20) }))
        }
        #expect(notebook.state.withLock { $0.writes } <= 160)
    }

    private static func list(_ key: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: key >> (56 - 8 * $0)) } + [UInt8](repeating: 0, count: 16)
    }
}
