// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Foundation
import ISCSIServer
import NIOPosix
import SCSI
import Testing

@Suite("A disk that grows while it is served")
struct ResizeTests {
    private static let capacity: [UInt8] = [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    @Test func `initiators learn of it, and can use what was added`() async throws {
        let path = NSTemporaryDirectory() + "apus-resize-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try FileStore(path: path, options: .init(size: 1 << 20), pool: .singleton)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            let beyond = cdb(0x2a, lba: 2048, count: 1)
            let block = [UInt8](repeating: 9, count: 512)
            #expect(try await socket.execute(beyond, written: block).sense == [0x05, 0x21, 0x00])
            #expect(try test.units[0].grow(to: 2 << 20))
            #expect(try await socket.execute(testUnitReady).sense == [0x06, 0x2a, 0x09])
            #expect(try await socket.execute(Self.capacity, read: 8).data == [0, 0, 0x0F, 0xFF, 0, 0, 2, 0])
            #expect(try await socket.execute(beyond, written: block).status == 0)
            // The file grows by somebody else's hand.
            #expect(try !test.units[0].grow(to: nil))
            #expect(unsafe truncate(path, 3 << 20) == 0)
            #expect(try test.units[0].grow(to: nil))
            #expect(try await socket.execute(testUnitReady).sense == [0x06, 0x2a, 0x09])
            #expect(try await socket.execute(cdb(0x28, lba: 2048, count: 1), read: 512).data == block)
        }
    }

    @Test func `it does not shrink`() async throws {
        let path = NSTemporaryDirectory() + "apus-resize-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try FileStore(path: path, options: .init(size: 1 << 20), pool: .singleton)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(throws: BlockError.self) { try test.units[0].grow(to: 1 << 19) }
            #expect(unsafe truncate(path, 1 << 19) == 0)
            #expect(throws: BlockError.self) { try test.units[0].grow(to: nil) }
            #expect(try await socket.execute(Self.capacity, read: 8).data == [0, 0, 0x07, 0xFF, 0, 0, 2, 0])
        }
    }

    @Test func `a ramdisk grows as well, and is empty where it has grown`() async throws {
        try await ServerUnderTest.run([RAMStore(size: 1 << 20)]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            #expect(try test.units[0].grow(to: 2 << 20))
            #expect(try !test.units[0].grow(to: nil))
            #expect(try await socket.execute(testUnitReady).sense == [0x06, 0x2a, 0x09])
            #expect(try await socket.execute(Self.capacity, read: 8).data == [0, 0, 0x0F, 0xFF, 0, 0, 2, 0])
            let last = cdb(0x28, lba: 4095, count: 1)
            #expect(try await socket.execute(last, read: 512).data == [UInt8](repeating: 0, count: 512))
            #expect(throws: BlockError.self) { try test.units[0].grow(to: 1 << 20) }
            #expect(throws: BlockError.self) { try test.units[0].grow(to: 1 << 62) }
        }
    }
}
