// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import NIOPosix
import Testing

@Suite("Slow disks", .timeLimit(.minutes(5)))
struct SlowDiskTests {
    @Test func `a slow disk holds up no other disk, of its own session or of others on the same loop`() async throws {
        let slow = try ScriptedStore()
        try await ServerUnderTest.run([slow, try RAMStore(size: 1 << 20)]) { test in
            let waiting = try await InitiatorSocket.ready(test.portal, isid: 1, luns: [0, 1])
            // As many others as there are loops, and one more: one of them shares the loop of the one that waits.
            var others: [InitiatorSocket] = []
            for isid in 2...UInt64(System.coreCount + 2) {
                others.append(try await InitiatorSocket.ready(test.portal, isid: isid, luns: [0, 1]))
            }
            slow.hold()
            let tag = waiting.begin(cdb(0x2a, lba: 0, count: 1), lun: 0, written: [UInt8](repeating: 1, count: 512))
            _ = await slow.nextRequest()
            for _ in 0..<20 {
                for socket in others + [waiting] {
                    #expect(try await socket.execute(cdb(0x28, lba: 8, count: 8), lun: 1, read: 4096).status == 0)
                }
            }
            slow.release()
            #expect(try await waiting.end(tag, written: []).status == 0)
        }
    }
}
