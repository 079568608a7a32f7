// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import SCSI
import Testing

@Suite("EXTENDED COPY over a socket", .timeLimit(.minutes(5)))
struct CopyTests {
    /// A parameter list that copies `count` blocks from the start of LUN `source` to `lba` of LUN `destination`.
    static func list(_ source: UInt8, _ destination: UInt8, _ count: UInt16, to lba: UInt64) -> [UInt8] {
        var list = ByteBuffer(bytes: [7, 0])
        list.writeMultipleIntegers(UInt16(64), UInt32(0), UInt32(28), UInt32(0))
        for lun in [source, destination] {
            list.writeBytes([0xE4, 0, 0, 0, 1, 3, 0, 8])
            // The locally assigned name that is made of the serial.
            list.writeInteger(UInt64(0x3000_0000_0000_0400) | UInt64(lun) << 28)
            list.writeRepeatingByte(0, count: 13)
            list.writeBytes([0, 2, 0])
        }
        list.writeMultipleIntegers(UInt16(0x0200), UInt16(0x18), UInt16(0), UInt16(1), UInt16(0), count)
        list.writeMultipleIntegers(UInt64(0), lba)
        return Array(list.readableBytesView)
    }

    static func cdb(_ list: [UInt8]) -> [UInt8] {
        [0x83, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, UInt8(list.count), 0, 0]
    }

    static let status: [UInt8] = [0x84, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0]

    @Test func `blocks go from one LUN to another, which need not be the one that is asked`() async throws {
        let stores = try (0..<3).map { _ in try RAMStore(size: 4 << 20) }
        try await ServerUnderTest.run(stores) { test in
            let socket = try await InitiatorSocket.ready(test.portal, luns: [0, 1, 2])
            let data = (0..<(3 << 20)).map { UInt8(truncatingIfNeeded: $0 / 512 &* 31) }
            #expect(
                try stores[1].writeNow(BlockRange(lba: 0, count: 6144), from: ByteBuffer(bytes: data).readableBytesSpan)
            )
            let list = Self.list(1, 2, 6144, to: 2048)
            #expect(try await socket.execute(Self.cdb(list), written: list).status == 0)
            let copied = try await socket.execute([0x28, 0, 0, 0, 0x1F, 0xFF, 0, 0, 1, 0], lun: 2, read: 512)
            #expect(copied.data == Array(data.suffix(512)))
            let results = try await socket.execute(Self.status, read: 12)
            #expect(results.data == [0, 0, 0, 8, 1, 0, 1, 0, 0, 0x30, 0, 0])
        }
    }

    @Test func `a LUN that the session does not have is out of reach`() async throws {
        let stores = try (0..<2).map { _ in try RAMStore(size: 4 << 20) }
        try await ServerUnderTest.run(stores) { test in
            await test.server.setTarget(test.target(luns: [0]))
            let socket = try await InitiatorSocket.ready(test.portal)
            let list = Self.list(0, 1, 1, to: 0)
            #expect(try await socket.execute(Self.cdb(list), written: list).sense == [0x0A, 0x0D, 0x02])
        }
    }

    @Test func `an aborted copy moves no further piece, and leaves no results`() async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            store.hold()
            let list = Self.list(0, 0, 4096, to: 4096)
            _ = socket.begin(Self.cdb(list), written: list)
            guard case .read(let range) = await store.nextRequest() else {
                Issue.record("the copy does not begin with a read")
                return
            }
            #expect(range == BlockRange(lba: 0, count: 2048))
            var abort = Request.taskManagement(
                2, tag: socket.initiator.freshTag(), referencedTag: 0xffff_ffff, referencedCmdSN: 0)
            abort.setLUN(0)
            socket.send(abort, isImmediate: true)
            try await socket.expectAlive()
            store.release()
            let answer = try await socket.receive()
            #expect(answer.header.opcode == .taskManagementResponse)
            #expect(store.requests.count == 1)
            #expect(try await socket.execute(Self.status, read: 12).sense == [0x05, 0x24, 0x00])
        }
    }
}
