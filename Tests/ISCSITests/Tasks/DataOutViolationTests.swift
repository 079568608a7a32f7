// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

@Suite("RFC 7143 §4.2.5.2, §11.7 Data-Out against the rules")
struct DataOutViolationTests {
    /// A target with one write of 4,096 bytes under way, for which R2Ts have come, or unsolicited data may come.
    private struct Scene {
        let target: ScriptedTarget
        var initiator = Initiator()
        var r2ts: [PDU] = []

        init(unsolicited: Bool = false) throws {
            self.target = ScriptedTarget { parameters in
                parameters.initialR2T = !unsolicited
                parameters.firstBurstLength = 2_048
                parameters.maxBurstLength = 2_048
                parameters.maxOutstandingR2T = 2
            }
            let command = Request.command(
                write10(lba: 0, count: 8), tag: 9, flags: unsolicited ? 0x21 : 0xa1, expectedLength: 4_096)
            self.r2ts = self.initiator.receive(try self.target.pass(self.initiator.send(command)))
            #expect(self.r2ts.count == (unsolicited ? 0 : 2))
        }

        /// The burst of `r2t`, or unsolicited data, with every field as it should be.
        func dataOut(_ r2t: Int?, offset: Int = 0, length: Int = 2_048, isFinal: Bool = true) -> Request {
            .dataOut(
                tag: 9, transferTag: r2t.map { self.r2ts[$0].transferTag } ?? 0xffff_ffff, dataSN: 0, offset: offset,
                isFinal: isFinal, data: [UInt8](repeating: 1, count: length))
        }

        mutating func send(_ request: Request) throws -> [PDU] {
            self.initiator.receive(try self.target.pass(self.initiator.encode(request)))
        }

        var closeReason: String? {
            guard case .close(let reason) = self.target.inbound.last else { return nil }
            return reason
        }

        var isLost: Bool {
            guard case .dataOutLost(9, _) = self.target.inbound.last else { return false }
            return true
        }
    }

    @Test func `a wrong DataSN, a wrong offset or too early an F bit ends the task, not the connection`() throws {
        let breaks: [(inout Request) -> Void] = [
            { $0[word: 36] = 1 }, { $0[word: 36] = 0xffff_ffff }, { $0[word: 40] = 512 },
            { $0[word: 40] = 0xffff_ffff },
            { $0.data.removeLast(512) },
        ]
        for breakRule in breaks {
            var scene = try Scene()
            var request = scene.dataOut(0)
            breakRule(&request)
            let answers = try scene.send(request)
            #expect(scene.isLost)
            #expect(answers.map(\.scsiStatus) == [0x02])
            // What was already on its way for the lost task is ignored, and the session goes on.
            #expect(try scene.send(scene.dataOut(1, offset: 2_048)).isEmpty)
            let ping = try scene.target.pass(scene.initiator.send(.nopOut(tag: 77)))
            #expect(scene.initiator.receive(ping).map(\.header.opcode) == [.nopIn])
            #expect(scene.initiator.complaints.isEmpty)
        }
    }

    @Test func `bursts are taken in the order of their R2Ts`() throws {
        var scene = try Scene()
        _ = try scene.send(scene.dataOut(1, offset: 0))
        #expect(scene.closeReason != nil)
        var other = try Scene()
        _ = try other.send(other.dataOut(1, offset: 2_048))
        #expect(other.isLost)
    }

    @Test func `a transfer tag that was never given ends the connection`() throws {
        var scene = try Scene()
        var request = scene.dataOut(0)
        request[word: 20] = 0x1234_5678
        _ = try scene.send(request)
        #expect(scene.closeReason != nil)
    }

    @Test func `a burst that is used up is not good for more`() throws {
        var scene = try Scene()
        #expect(try scene.send(scene.dataOut(0)).isEmpty)
        _ = try scene.send(scene.dataOut(0, offset: 2_048))
        #expect(scene.closeReason != nil)
    }

    @Test func `more than was asked for ends the connection`() throws {
        var scene = try Scene()
        _ = try scene.send(scene.dataOut(0, length: 2_049))
        #expect(scene.closeReason != nil)
    }

    @Test func `unsolicited data that was not announced ends the connection`() throws {
        var scene = try Scene()
        _ = try scene.send(scene.dataOut(nil))
        #expect(scene.closeReason != nil)
    }

    @Test func `unsolicited data beyond the first burst ends the connection`() throws {
        var scene = try Scene(unsolicited: true)
        #expect(try scene.send(scene.dataOut(nil, length: 2_000, isFinal: false)).isEmpty)
        var request = scene.dataOut(nil, offset: 2_000, length: 49)
        request[word: 36] = 1
        _ = try scene.send(request)
        #expect(scene.closeReason != nil)
    }

    @Test func `unsolicited data after its F bit ends the connection`() throws {
        var scene = try Scene(unsolicited: true)
        #expect(
            try scene.send(scene.dataOut(nil, length: 512)).map(\.header.opcode) == [
                .readyToTransfer, .readyToTransfer,
            ])
        var request = scene.dataOut(nil, offset: 512, length: 512)
        request[word: 36] = 1
        _ = try scene.send(request)
        #expect(scene.closeReason != nil)
    }

    @Test func `Data-Out of a task that is not there is ignored`() throws {
        var scene = try Scene()
        var request = scene.dataOut(0)
        request.tag = 10
        #expect(try scene.send(request).isEmpty)
        #expect(scene.target.inbound.count == 1)
    }

    @Test func `empty Data-Out does not pile up anything`() throws {
        let target = ScriptedTarget { parameters in
            parameters.maxBurstLength = Limits.maxBurstLength
            parameters.maxOutstandingR2T = 16
            parameters.immediateData = false
        }
        var initiator = Initiator()
        let command = Request.command(write10(lba: 0, count: 0x4000), tag: 1, flags: 0xa1, expectedLength: 8 << 20)
        let r2ts = initiator.receive(try target.pass(initiator.send(command)))
        #expect(r2ts.count == 4)
        for dataSN in 0..<5_000 as Range<UInt32> {
            let empty = Request.dataOut(
                tag: 1, transferTag: r2ts[0].transferTag, dataSN: dataSN, offset: 0, isFinal: false, data: [])
            _ = try target.pass(initiator.encode(empty))
        }
        #expect(target.connection.solicitQueue.count <= 1)
    }

    @Test func `aborted tasks leave no turn behind`() throws {
        let target = ScriptedTarget { parameters in
            parameters.maxBurstLength = Limits.maxBurstLength
            parameters.maxOutstandingR2T = 16
            parameters.immediateData = false
        }
        target.isAutomatic = true
        var initiator = Initiator()
        let hog = Request.command(write10(lba: 0, count: 0x4000), tag: 1, flags: 0xa1, expectedLength: 8 << 20)
        _ = try target.pass(initiator.send(hog))
        for tag in 2..<500 as Range<UInt32> {
            let command = Request.command(write10(lba: 0, count: 8), tag: tag, flags: 0xa1, expectedLength: 4_096)
            _ = try target.pass(initiator.send(command))
            _ = target.act { connection, _ in connection.close(tag) }
        }
        #expect(target.connection.solicitQueue.count <= 1)
        #expect(target.connection.chargedBytes == Limits.solicitedBytes)
    }

    @Test func `data with the command that was not agreed, or is too much, ends the connection`() throws {
        let cases: [(flags: UInt8, expected: Int, immediate: Int, initialR2T: Bool, immediateData: Bool)] = [
            (0x81, 0, 512, true, true),  // no W bit
            (0xc1, 512, 512, true, true),  // a read
            (0x41, 512, 0, false, true),  // a read that announces data
            (0xa1, 512, 512, true, false),  // ImmediateData=No
            (0x21, 512, 0, true, true),  // InitialR2T=Yes
            (0xa1, 512, 516, true, true),  // more than the command's length
            (0xa1, 8_192, 4_097, true, true),  // more than FirstBurstLength
        ]
        for (index, row) in cases.enumerated() {
            let target = ScriptedTarget { parameters in
                parameters.initialR2T = row.initialR2T
                parameters.immediateData = row.immediateData
                parameters.firstBurstLength = 4_096
            }
            var initiator = Initiator()
            var command = Request.command(
                write10(lba: 0, count: 16), tag: 1, flags: row.flags, expectedLength: row.expected)
            command.data = [UInt8](repeating: 0, count: row.immediate)
            let answers = initiator.receive(try target.pass(initiator.send(command)))
            #expect(answers.map(\.header.opcode) == [.reject], "case \(index)")
            guard case .close = target.inbound.last else {
                Issue.record("case \(index) goes on")
                continue
            }
        }
    }
}
