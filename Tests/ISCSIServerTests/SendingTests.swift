// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Foundation
import ISCSI
import ISCSITesting
import NIOCore
import NIOPosix
import Testing

@testable import ISCSIServer

@Suite("Data-In sent from files", .timeLimit(.minutes(5)))
final class SendingTests {
    private let folder = "/var/tmp/apus-sending-\(UUID().uuidString)"
    private let bytes = 4 << 20

    init() throws {
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: false)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    private func filled(_ name: String, seed: UInt64) throws -> (FileStore, [UInt8]) {
        var generator = SeededGenerator(seed: seed)
        var data = ByteBuffer()
        for _ in 0..<(self.bytes / 8) { data.writeInteger(generator.next()) }
        let store = try FileStore(
            path: "\(self.folder)/\(name)", options: .init(size: UInt64(self.bytes)), pool: .singleton)
        #expect(
            try store.writeNow(
                BlockRange(lba: 0, count: UInt32(self.bytes / 512)), from: data.readableBytesSpan))
        return (store, data.array)
    }

    /// How many files each connection has sent from.
    private static func filesSentFrom(_ test: ServerUnderTest) async throws -> [Int] {
        var counts: [Int] = []
        for live in test.server.lives(where: { _ in true }) {
            counts += try await live.eventLoop.submit { live.value.connections.map(\.sentFiles.count) }.get()
        }
        return counts
    }

    @Test(arguments: [
        // The initiator's segment, and whether that is worth sending from the file.
        ("MaxRecvDataSegmentLength=262144", true), ("MaxRecvDataSegmentLength=65536", true),
        ("MaxRecvDataSegmentLength=40000", true), ("MaxRecvDataSegmentLength=8192", false),
    ])
    func `large reads, small reads and writes between them come in their order`(
        _ key: String, _ isSent: Bool
    ) async throws {
        let (store, filled) = try self.filled("disk", seed: 1)
        var expected = filled
        try await ServerUnderTest.run([store]) { test in
            let keys = InitiatorSocket.keys.filter { !$0.hasPrefix("MaxRecv") } + [key]
            let socket = try await InitiatorSocket.ready(test.portal, keys: keys)
            var generator = SeededGenerator(seed: 2)
            for round in 0..<60 {
                let blocks = [1, 8, 128, 256, 1024, 2048][round % 6]
                let lba = Int(generator.next() % UInt64(self.bytes / 512 - blocks))
                let range = lba * 512..<(lba + blocks) * 512
                if round % 7 == 6 {
                    let data = [UInt8](repeating: UInt8(round), count: min(range.count, 65_536))
                    expected.replaceSubrange(range.lowerBound..<range.lowerBound + data.count, with: data)
                    let written = try await socket.execute(
                        cdb(0x2a, lba: lba, count: data.count / 512), written: data)
                    #expect(written.status == 0)
                }
                let read = try await socket.execute(cdb(0x28, lba: lba, count: blocks), read: range.count)
                #expect(read.status == 0)
                #expect(read.data == Array(expected[range]), "round \(round)")
            }
            #expect(try await Self.filesSentFrom(test) == [isSent ? 1 : 0])
            await socket.close()
        }
    }

    @Test func `many reads at once are sent whole to a peer that reads late`() async throws {
        let (store, data) = try self.filled("disk", seed: 3)
        try await ServerUnderTest.run([store]) { test in
            let socket = try await InitiatorSocket.ready(test.portal, receiveBufferBytes: 65_536)
            try await socket.stopReading()
            let tags = (0..<32).map { number in
                socket.begin(cdb(0x28, lba: number * 200, count: 1024), read: 524_288)
            }
            try await socket.resumeReading()
            var received: [UInt32: [UInt8]] = [:]
            var done = 0
            while done < tags.count {
                let pdu = try await socket.receive()
                received[pdu.header.initiatorTaskTag, default: []] += pdu.data.array
                if pdu.hasStatus { done += 1 }
            }
            for (number, tag) in tags.enumerated() {
                #expect(received[tag] == Array(data[number * 200 * 512..<(number * 200 + 1024) * 512]))
            }
            await socket.close()
        }
    }

    @Test func `what has to be counted, kept or whole is copied`() async throws {
        let (store, data) = try self.filled("disk", seed: 4)
        try await ServerUnderTest.run([store]) { test in
            let large = cdb(0x28, lba: 0, count: 256)
            for keys in [["DataDigest=CRC32C"], ["ErrorRecoveryLevel=1"]] {
                let socket = try await InitiatorSocket.ready(test.portal, keys: InitiatorSocket.keys + keys)
                #expect(try await socket.execute(large, read: 131_072).data == Array(data[..<131_072]))
                #expect(try await Self.filesSentFrom(test) == [0], "\(keys)")
                await socket.close()
                await test.loggedOut(keys == ["DataDigest=CRC32C"] ? 1 : 2)
            }
            let socket = try await InitiatorSocket.ready(test.portal)
            // COMPARE AND WRITE, which does not match.
            let zeroes = [UInt8](repeating: 0, count: 1024)
            var compare: [UInt8] = Array(repeating: 0, count: 16)
            (compare[0], compare[13]) = (0x89, 1)
            #expect(try await socket.execute(compare, written: zeroes).status == 2)
            #expect(try await socket.execute(large, read: 131_072).data == Array(data[..<131_072]))
            #expect(try await Self.filesSentFrom(test) == [0])
            await socket.close()
        }
    }

    @Test func `a connection sends from a few files, and copies the data of further ones`() async throws {
        let units = try (0..<UInt64(ServerLimits.filesSentFrom + 2)).map { try self.filled("disk\($0)", seed: $0) }
        try await ServerUnderTest.run(units.map(\.0)) { test in
            let luns = units.indices.map { UInt8($0) }
            let socket = try await InitiatorSocket.ready(test.portal, luns: luns)
            for _ in 0..<2 {
                for lun in luns {
                    let read = try await socket.execute(cdb(0x28, lba: 0, count: 256), lun: lun, read: 131_072)
                    #expect(read.data == Array(units[Int(lun)].1[..<131_072]))
                }
            }
            #expect(try await Self.filesSentFrom(test) == [ServerLimits.filesSentFrom])
            await socket.close()
        }
    }
}
