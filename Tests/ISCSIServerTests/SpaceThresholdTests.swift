// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Foundation
import ISCSIServer
import NIOCore
import NIOPosix
import Testing

@Suite("Thresholds of a thin disk's space")
struct SpaceThresholdTests {
    @Test func `who asked to be told is told when a file takes as much as that`() async throws {
        let path = NSTemporaryDirectory() + "apus-space-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: path) }
        let store = try FileStore(path: path, options: .init(size: 16 << 20), pool: .singleton)
        guard store.info.capabilities.contains(.unmap) else { return try store.close() }
        try await ServerUnderTest.run([store], spaceInterval: .milliseconds(20)) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            // Two mebibytes taken, of the resource used (02h), when it increases (001b).
            let list: [UInt8] =
                [0, 0, 0, 0, 0x5C, 0x02, 0, 0x1C] + [UInt8](repeating: 0, count: 12)
                + [0, 1, 0, 0, 0, 0, 0, 0, 0x81, 2, 0, 0, 0, 0, 0, 2]
            let select = [0x15, 0x10, 0, 0, UInt8(list.count), 0] as [UInt8]
            #expect(try await socket.execute(select, written: list).status == 0)
            #expect(try await socket.execute(testUnitReady).status == 0)
            let data = [UInt8](repeating: 7, count: 64 * 512)
            // Whichever command comes next is told.
            var sense: [UInt8] = []
            for piece in 0..<80 where sense.isEmpty {
                sense = try await socket.execute(cdb(0x2a, lba: piece * 64, count: 64), written: data).sense
            }
            for _ in 0..<1000 where sense.isEmpty {
                sense = try await socket.execute([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]).sense
                if sense.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(sense == [0x06, 0x38, 0x07])
        }
    }
}
