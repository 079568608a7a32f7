// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7143 §11 full-feature phase, the initiator's side")
struct InitiatorConnectionTests {
    /// A connection with a scripted target: every request that went out is kept as PDUs.
    private struct Script {
        var connection: InitiatorConnection
        private var output = OutgoingBytes()
        private var statSN: UInt32 = 100
        private var framer = PDUFramer(maxDataSegmentLength: 0xff_ffff)

        init(depth: Int = 4, window: UInt32 = 64, _ change: (inout InitiatorAgreement) -> Void = { _ in }) {
            var agreement = InitiatorAgreement(firstCmdSN: 10)
            agreement.maxCmdSN = 10 + window - 1
            agreement.expStatSN = 100
            agreement.parameters.immediateData = true
            agreement.parameters.firstBurstLength = 1_024
            agreement.parameters.maxBurstLength = 4_096
            agreement.parameters.initialR2T = true
            agreement.targetMaxRecvDataSegmentLength = 2_048
            change(&agreement)
            self.connection = InitiatorConnection(agreement, depth: depth)
            self.framer.hasHeaderDigest = agreement.parameters.headerDigest
            self.framer.hasDataDigest = agreement.parameters.dataDigest
            self.framer.piecewise = .nopIn
        }

        mutating func send(_ transfer: InitiatorCommand.Transfer) throws -> (Int, [PDU]) {
            let command = InitiatorCommand(lun: 1 << 48, cdb: (0x2a << 56, 1), transfer: transfer)
            let task = self.connection.send(command, &self.output)
            return (task, try self.sent())
        }

        /// What has been written since the last time.
        mutating func sent() throws -> [PDU] {
            var bytes = ByteBuffer()
            let total = self.output.byteCount
            self.output.drain { bytes.writeImmutableBuffer($0) }
            self.output.clear()
            #expect(bytes.readableBytes == total)
            self.framer.append(bytes)
            var pdus: [PDU] = []
            while let pdu = try self.framer.next() { pdus.append(pdu) }
            #expect(self.framer.bufferedBytes == 0)
            return pdus
        }

        /// An answer for `task`; with status it takes the next StatSN.
        mutating func receive(
            _ opcode: Opcode, flags: UInt8 = 0x80, task: UInt32, specific: UInt16 = 0, hasStatus: Bool = true,
            data: [UInt8] = [], _ fields: [Int: UInt32] = [:]
        ) throws(TargetViolation) -> InitiatorEvent {
            var header = BasicHeaderSegment(opcode, flags: flags)
            header.opcodeSpecific = specific
            header.initiatorTaskTag = task
            header.dataSegmentLength = data.count
            header[field: 20] = reservedTag
            header[field: 24] = self.statSN
            header[field: 28] = 11
            header[field: 32] = 60
            for (offset, value) in fields { header[field: offset] = value }
            if hasStatus { self.statSN += 1 }
            return try self.connection.received(PDU(header: header, data: ByteBuffer(bytes: data)), &self.output)
        }
    }

    // MARK: - Reads

    @Test func `a read's data comes in order, and status with the last of it`() throws {
        var script = Script()
        let (task, pdus) = try script.send(.read(8))
        #expect(pdus.count == 1)
        #expect(pdus[0].header.flags == 0xc1)
        #expect(pdus[0].header[field: 20] == 8)
        #expect((pdus[0].header[field: 24], pdus[0].header[field: 28]) == (10, 100))
        #expect(pdus[0].header.lun == 1 << 48)
        guard
            case .data(task, 0, let first) = try script.receive(
                .dataIn, flags: 0, task: 0, hasStatus: false, data: [1, 2, 3, 4], [36: 0, 40: 0])
        else { Issue.record("no data"); return }
        #expect(first.array == [1, 2, 3, 4])
        guard
            case .dataAndEnd(task, 4, let last, let ending) = try script.receive(
                .dataIn, flags: 0x81, task: 0, data: [5, 6, 7, 8], [36: 1, 40: 4])
        else { Issue.record("no end"); return }
        #expect(last.array == [5, 6, 7, 8])
        #expect(ending.isGood)
        #expect(script.connection.underWay == 0)
    }

    @Test func `sense data comes out of a response`() throws {
        var script = Script()
        _ = try script.send(.read(8))
        guard
            case .ended(0, let ending) = try script.receive(
                .scsiResponse, flags: 0x82, task: 0, specific: 2, data: [0, 3, 0x70, 0, 5, 0], [44: 8])
        else { Issue.record("no end"); return }
        #expect(ending.status == 2 && !ending.isGood)
        #expect(ending.sense.array == [0x70, 0, 5])
        #expect(ending.underflow == 8)
    }

    @Test func `success without all data is a violation unless the target says so`() throws {
        var script = Script()
        _ = try script.send(.read(8))
        _ = try script.send(.read(8))
        guard case .ended(1, let ending) = try script.receive(.scsiResponse, flags: 0x82, task: 1, [44: 8])
        else { Issue.record("no end"); return }
        #expect(ending.isGood && ending.underflow == 8)
        #expect(throws: TargetViolation.missingData(expected: 8, got: 0)) {
            _ = try script.receive(.scsiResponse, task: 0)
        }
    }

    @Test(arguments: [
        ([36: 1, 40: 0] as [Int: UInt32], 4, TargetViolation.wrongDataSN(expected: 0, got: 1)),
        ([36: 0, 40: 4], 4, .wrongOffset(expected: 0, got: 4)),
        ([36: 0, 40: 0], 12, .tooMuchData),
        ([16: 3, 36: 0, 40: 0], 4, .unknownTask(3)),
        ([16: 0xffff_fffe, 36: 0, 40: 0], 4, .unknownTask(0xffff_fffe)),
    ])
    func `Data-In that does not fit is a violation`(fields: [Int: UInt32], length: Int, violation: TargetViolation)
        throws
    {
        var script = Script()
        _ = try script.send(.read(8))
        #expect(throws: violation) {
            _ = try script.receive(
                .dataIn, flags: 0, task: 0, hasStatus: false, data: [UInt8](repeating: 0, count: length), fields)
        }
    }

    // MARK: - Writes

    @Test func `immediate data goes with the command, the rest when it is asked for`() throws {
        var script = Script()
        let data = (0..<5_000).map { UInt8(truncatingIfNeeded: $0) }
        let (task, pdus) = try script.send(.write(ByteBuffer(bytes: data)))
        #expect(pdus.count == 1)
        #expect(pdus[0].header.flags == 0xa1)
        #expect(pdus[0].data.array == Array(data[..<1_024]))
        _ = try script.receive(
            .readyToTransfer, task: UInt32(task), hasStatus: false, [20: 77, 36: 0, 40: 1_024, 44: 3_976])
        let burst = try script.sent()
        #expect(burst.map(\.header.opcode) == [.dataOut, .dataOut])
        #expect(burst.map { $0.header[field: 20] } == [77, 77])
        #expect(burst.map { $0.header[field: 36] } == [0, 1])
        #expect(burst.map { $0.header[field: 40] } == [1_024, 3_072])
        #expect(burst.map(\.header.isFinal) == [false, true])
        #expect(burst.flatMap(\.data.array) == Array(data[1_024...]))
        guard case .ended(task, let ending) = try script.receive(.scsiResponse, task: UInt32(task))
        else { Issue.record("no end"); return }
        #expect(ending.isGood)
    }

    @Test func `without InitialR2T the first burst goes unasked`() throws {
        var script = Script {
            $0.parameters.initialR2T = false
            $0.parameters.firstBurstLength = 4_096
        }
        let (_, pdus) = try script.send(.write(ByteBuffer(repeating: 7, count: 5_000)))
        #expect(pdus.map(\.header.opcode) == [.scsiCommand, .dataOut])
        #expect(pdus[0].header.flags == 0x21)
        #expect(pdus.map(\.data.readableBytes) == [2_048, 2_048])
        #expect(pdus[1].header[field: 20] == reservedTag && pdus[1].header.isFinal)
    }

    @Test func `long data is sent as it is, with its digests`() throws {
        var script = Script {
            $0.parameters.headerDigest = true
            $0.parameters.dataDigest = true
            $0.parameters.firstBurstLength = 65_536
            $0.targetMaxRecvDataSegmentLength = 32_768
        }
        let data = ByteBuffer(bytes: (0..<40_000).map { UInt8(truncatingIfNeeded: $0 >> 3) })
        let (_, pdus) = try script.send(.write(data))
        #expect(pdus.map(\.data.readableBytes) == [32_768])
        _ = try script.receive(.readyToTransfer, task: 0, hasStatus: false, [40: 32_768, 44: 4_096])
        #expect(try script.sent().map(\.data.readableBytes) == [4_096])
    }

    @Test(arguments: [(0, 5_000), (5_000, 1), (0, 0), (0xffff_ffff, 0xffff_ffff)] as [(UInt32, UInt32)])
    func `an R2T beyond the command's data is a violation`(offset: UInt32, length: UInt32) throws {
        var script = Script()
        _ = try script.send(.write(ByteBuffer(repeating: 7, count: 5_000)))
        #expect(throws: TargetViolation.wrongR2T) {
            _ = try script.receive(.readyToTransfer, task: 0, hasStatus: false, [40: offset, 44: length])
        }
    }

    // MARK: - Numbers

    @Test func `commands stop at the window's end and go on when it moves`() throws {
        var script = Script(window: 2)
        _ = try script.send(.none)
        #expect(script.connection.canSend)
        _ = try script.send(.none)
        #expect(!script.connection.canSend)
        _ = try script.receive(.scsiResponse, task: 0, [28: 12, 32: 12])
        #expect(script.connection.canSend)
        _ = try script.send(.none)
        // A MaxCmdSN before ExpCmdSN − 1 says nothing, and none goes back.
        _ = try script.receive(.scsiResponse, task: 1, [28: 13, 32: 11])
        #expect(!script.connection.canSend)
    }

    @Test func `commands stop when every task is taken`() throws {
        var script = Script(depth: 1)
        _ = try script.send(.none)
        #expect(!script.connection.canSend)
        _ = try script.receive(.scsiResponse, task: 0)
        #expect(script.connection.canSend)
    }

    @Test func `a StatSN that is left out is a violation`() throws {
        var script = Script()
        _ = try script.send(.none)
        #expect(throws: TargetViolation.wrongStatSN(expected: 100, got: 101)) {
            _ = try script.receive(.scsiResponse, task: 0, [24: 101])
        }
    }

    @Test func `a ping is answered with its tag and takes no StatSN`() throws {
        var script = Script()
        _ = try script.receive(.nopIn, task: reservedTag, hasStatus: false, [20: 5])
        let pdus = try script.sent()
        #expect(pdus.map(\.header.opcode) == [.nopOut])
        #expect(pdus[0].header[field: 20] == 5 && pdus[0].header.initiatorTaskTag == reservedTag)
        #expect(pdus[0].header.isImmediate)
        _ = try script.send(.none)
        _ = try script.receive(.scsiResponse, task: 0)
    }

    @Test func `a rejected PDU, and one that no target sends, end the connection`() throws {
        var script = Script()
        #expect(throws: TargetViolation.rejected(4)) {
            _ = try script.receive(.reject, task: reservedTag, specific: 0x0400)
        }
        #expect(throws: TargetViolation.unknownPDU) { _ = try script.receive(.nopOut, task: 0) }
    }
}
