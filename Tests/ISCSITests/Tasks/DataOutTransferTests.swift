// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §4.2.5.2 Data-Out of legal initiators")
struct DataOutTransferTests {
    @Test(
        arguments: [(true, true), (true, false), (false, true), (false, false)],
        1...12 as ClosedRange<UInt64>)
    func `every byte comes once, in order, whatever was agreed`(agreed: (Bool, Bool), seed: UInt64) throws {
        let (initialR2T, immediateData) = agreed
        var generator = SeededGenerator(seed: seed &* 4 &+ (initialR2T ? 1 : 0) &+ (immediateData ? 2 : 0))
        for round in 0..<12 {
            let burst = [512, 1_000, 4_096, 8_192, 65_536].randomElement(using: &generator) ?? 512
            let target = ScriptedTarget { parameters in
                parameters.initialR2T = initialR2T
                parameters.immediateData = immediateData
                parameters.maxBurstLength = burst
                parameters.firstBurstLength = min(
                    burst, [512, 700, 4_096, 65_536].randomElement(using: &generator) ?? 512)
                parameters.maxOutstandingR2T = UInt32.random(in: 1...4, using: &generator)
            }
            var writer = LegalWriter(target, seed: generator.next())
            for _ in 0..<Int.random(in: 1...5, using: &generator) {
                let count = Int.random(in: 0...40, using: &generator)
                let wanted = count * ScriptedTarget.blockSize
                // As announced, less, and more.
                let expected = [wanted, wanted, Int.random(in: 0...wanted, using: &generator), wanted + 1_234]
                    .randomElement(using: &generator)
                let tag = try writer.begin(count: count, expected: expected ?? wanted)
                #expect(tag > 0)
            }
            try writer.run()
            #expect(writer.complaints.isEmpty, "seed \(seed), round \(round), burst \(burst)")
            #expect(writer.initiator.complaints.isEmpty, "seed \(seed), round \(round)")
            #expect(target.connection.chargedBytes == 0 && target.connection.solicitQueue.isEmpty, "seed \(seed)")
        }
    }

    @Test(arguments: [(8, 4_096, 0x80, 0), (8, 1_000, 0x84, 3_096), (1, 4_096, 0x82, 3_584), (0, 512, 0x82, 512)])
    func `residuals of writes`(count: Int, expected: Int, flags: UInt8, residual: UInt32) throws {
        let target = ScriptedTarget()
        var writer = LegalWriter(target, seed: 1)
        let tag = try writer.begin(count: count, expected: expected)
        try writer.run()
        let response = try #require(writer.statuses[tag])
        #expect(response.header.flags == flags && response.residualCount == residual)
        #expect(writer.complaints.isEmpty)
    }

    @Test func `several R2Ts are outstanding at once where that is agreed`() throws {
        let target = ScriptedTarget { parameters in
            parameters.maxOutstandingR2T = 3
            parameters.maxBurstLength = 1_024
            parameters.immediateData = false
        }
        var initiator = Initiator()
        let command = Request.command(write10(lba: 0, count: 8), tag: 1, flags: 0xa1, expectedLength: 4_096)
        let r2ts = initiator.receive(try target.pass(initiator.send(command)))
        #expect(r2ts.map(\.bufferOffset) == [0, 1_024, 2_048])
        #expect(r2ts.map(\.dataSN) == [0, 1, 2])
        #expect(Set(r2ts.map(\.transferTag)).count == 3)
        // The first burst's end makes room for the fourth.
        let more = try target.pass(
            initiator.encode(
                .dataOut(
                    tag: 1, transferTag: r2ts[0].transferTag, dataSN: 0, offset: 0, isFinal: true,
                    data: [UInt8](repeating: 1, count: 1_024))))
        #expect(initiator.receive(more).map(\.bufferOffset) == [3_072])
    }

    @Test func `solicited data is bounded over all tasks, and every task gets its turn`() throws {
        let target = ScriptedTarget { parameters in
            parameters.maxBurstLength = Limits.maxBurstLength
            parameters.immediateData = false
        }
        var initiator = Initiator()
        var bursts: [PDU] = []
        for tag in 1...8 as ClosedRange<UInt32> {
            let command = Request.command(
                write10(lba: 0, count: 4_096), tag: tag, flags: 0xa1, expectedLength: 2 << 20)
            bursts += initiator.receive(try target.pass(initiator.send(command)))
        }
        #expect(bursts.count == Limits.solicitedBytes / Limits.maxBurstLength)
        var served: [UInt32] = []
        while let r2t = bursts.first {
            bursts.removeFirst()
            served.append(r2t.header.initiatorTaskTag)
            for part in 0..<4 {
                let length = Limits.maxBurstLength / 4
                let data = Request.dataOut(
                    tag: r2t.header.initiatorTaskTag, transferTag: r2t.transferTag, dataSN: UInt32(part),
                    offset: r2t.bufferOffset + part * length, isFinal: part == 3,
                    data: [UInt8](repeating: 0, count: length))
                bursts += initiator.receive(try target.pass(initiator.encode(data))).filter {
                    $0.header.opcode == .readyToTransfer
                }
            }
        }
        #expect(target.written.count == 8)
        #expect(Set(served.prefix(8)) == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test func `tasks whose data is gathered never wait for one another`() throws {
        let target = ScriptedTarget { parameters in
            parameters.maxBurstLength = Limits.maxBurstLength
            parameters.immediateData = false
        }
        target.isAutomatic = false
        var initiator = Initiator()
        let each = 3 << 20
        var bursts: [PDU] = []
        for tag in 1...6 as ClosedRange<UInt32> {
            let command = Request.command([0x2e], tag: tag, flags: 0xa1, expectedLength: each)
            _ = try target.pass(initiator.send(command))
            guard case .command(let command) = target.inbound.last else { continue }
            bursts += initiator.receive(
                target.act { connection, _ in _ = connection.beginDataOut(command, wanted: each, isGathered: true) })
        }
        var largest = 0
        var done: Set<UInt32> = []
        while let r2t = bursts.first {
            bursts.removeFirst()
            let tag = r2t.header.initiatorTaskTag
            for part in 0..<4 {
                let length = r2t.desiredLength / 4
                let data = Request.dataOut(
                    tag: tag, transferTag: r2t.transferTag, dataSN: UInt32(part),
                    offset: r2t.bufferOffset + part * length,
                    isFinal: part == 3, data: [UInt8](repeating: 0, count: length))
                bursts += initiator.receive(try target.pass(initiator.encode(data)))
                largest = max(largest, target.connection.chargedBytes)
                guard case .data(_, _, isLast: true) = target.inbound.last, part == 3 else { continue }
                done.insert(tag)
                bursts += initiator.receive(target.act { connection, _ in connection.close(tag) })
            }
        }
        #expect(done == [1, 2, 3, 4, 5, 6])
        #expect(largest < Limits.solicitedBytes + each && target.connection.chargedBytes == 0)
    }
}
