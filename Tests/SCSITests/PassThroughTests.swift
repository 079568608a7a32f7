// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Synchronization
import Testing

@Suite("Devices that are passed through")
struct PassThroughTests {
    private static func unit(freshNexus: Bool = false) -> UnitUnderTest {
        UnitUnderTest(blockCount: 0, capabilities: [], settings: .init(passesThrough: true), freshNexus: freshNexus)
    }

    private static func protected(_ nexus: Nexus) -> Nexus {
        var nexus = nexus
        nexus.isWriteProtected = true
        return nexus
    }

    /// The command that the device gets for a CDB.
    private func passed(
        _ cdb: [UInt8], dataOut: [UInt8] = [], expectedDataIn: Int = 0
    ) -> DeviceCommand? {
        var test = Self.unit()
        let seen = Mutex<DeviceCommand?>(nil)
        test.device = { command in
            seen.withLock { $0 = command }
            return .status(DeviceStatus(status: 0))
        }
        _ = test.execute(cdb, dataOut: dataOut, expectedDataIn: expectedDataIn)
        return seen.withLock(\.self)
    }

    @Test(arguments: [
        ([0x00] as [UInt8], 6), ([0x12, 0, 0, 0, 96, 0], 6), ([0x28], 10), ([0x5F], 10), ([0x88], 16), ([0xA8], 12),
        ([0x7E], 12), ([0xC0], 10), ([0xFF], 10), ([0x7F, 0, 0, 0, 0, 0, 0, 8], 16),
    ])
    func `a CDB goes on as long as its operation code says`(head: [UInt8], length: Int) {
        let cdb = head + [UInt8](repeating: 0xA5, count: max(0, 16 - head.count))
        #expect(self.passed(cdb)?.cdb == Array(cdb.prefix(length)))
    }

    @Test func `a CDB of which the end is missing does not`() {
        var test = Self.unit()
        #expect(test.execute([0x7F, 0, 0, 0, 0, 0, 0, 24]).senseText == "05/24/00")
    }

    @Test func `data goes the way that the initiator says, as much as it says`() throws {
        let reading = try #require(self.passed([0xC1], expectedDataIn: 777))
        #expect(reading.dataInLength == 777 && reading.dataOut.readableBytes == 0)
        let writing = try #require(self.passed([0x0A], dataOut: [1, 2, 3]))
        #expect(writing.dataInLength == 0 && Array(writing.dataOut.readableBytesView) == [1, 2, 3])
    }

    @Test func `more than a command may move is refused`() {
        var test = Self.unit()
        let most = LogicalUnitSettings().maximumTransferBytes
        #expect(test.execute([0x28], expectedDataIn: most + 1).senseText == "05/0E/03")
        test.device = { command in .status(DeviceStatus(status: command.dataInLength == most ? 0 : 2)) }
        #expect(test.execute([0x28], expectedDataIn: most).status == .good)
    }

    @Test func `status, sense and data are the device's own`() {
        var test = Self.unit()
        let sense = bytes("70 00 03 00 00 12 34 0A 00 00 00 00 11 00 00 00 00 00")
        test.device = { _ in
            .status(
                DeviceStatus(status: 2, sense: ByteBuffer(bytes: sense), dataIn: ByteBuffer(bytes: [9, 8, 7])))
        }
        let failed = test.execute([0x28], expectedDataIn: 512)
        #expect(failed.status == .checkCondition)
        #expect(failed.sense.map { Array($0.readableBytesView) } == sense)
        #expect(failed.dataIn.map { Array($0.readableBytesView) } == [9, 8, 7])
        for status: UInt8 in [0x00, 0x04, 0x08, 0x18, 0x28, 0x30, 0x40] {
            test.device = { _ in .status(DeviceStatus(status: status)) }
            #expect(test.execute([0x28]).status.rawValue == status)
        }
        test.device = { _ in .status(DeviceStatus(status: 0x22)) }
        #expect(test.execute([0x28]).status == .busy)
    }

    @Test(arguments: [
        (DeviceFailure.timedOut, "0B/08/01"), (.unreachable, "04/08/00"), (.refused, "05/24/00"),
    ])
    func `what does not reach the device is told in sense data`(failure: DeviceFailure, sense: String) {
        var test = Self.unit()
        test.device = { _ in .failure(failure) }
        #expect(test.execute([0x28]).senseText == sense)
    }

    @Test func `a device that has enough to do is a full task set`() {
        var test = Self.unit()
        test.device = { _ in .failure(.full) }
        #expect(test.execute([0x28]).status == .taskSetFull)
    }

    @Test func `a new nexus learns of it, but INQUIRY and REQUEST SENSE go on`() {
        var test = Self.unit(freshNexus: true)
        test.device = { _ in .status(DeviceStatus(status: 0)) }
        #expect(test.execute([0x12], expectedDataIn: 36).status == .good)
        #expect(test.execute([0x03], expectedDataIn: 18).status == .good)
        #expect(test.execute([0x00]).senseText == "06/29/00")
        #expect(test.execute([0x00]).status == .good)
    }

    @Test func `a write-protected nexus reads, and changes nothing`() {
        var test = Self.unit()
        test.device = { command in
            let mode = ByteBuffer(bytes: [3, 0, 0x10, 0] + [UInt8](repeating: 0, count: 4))
            return .status(DeviceStatus(status: 0, dataIn: command.dataInLength > 0 ? mode : ByteBuffer()))
        }
        let nexus = Self.protected(test.nexus)
        for cdb: [UInt8] in [[0x28], [0x08], [0x12], [0x9E], [0x5E], [0x25]] {
            #expect(test.execute(cdb, expectedDataIn: 8, from: nexus).status == .good)
        }
        // WRITE (10), WRITE FILEMARKS, ERASE, FORMAT UNIT, UNMAP, WRITE SAME (16), MODE SELECT, PROUT, a vendor's
        for code: UInt8 in [0x2A, 0x10, 0x19, 0x04, 0x42, 0x93, 0x55, 0x5F, 0xC0] {
            #expect(test.execute([code], from: nexus).senseText == "07/27/00", "\(code)")
            #expect(test.execute([code]).status == .good)
        }
        #expect(test.execute([0x2F], dataOut: [1], from: nexus).status == .good)
        #expect(test.execute([0x28], dataOut: [1], from: nexus).senseText == "07/27/00")
        let mode = test.execute([0x1A], expectedDataIn: 8, from: nexus).dataIn
        #expect(mode.map { Array($0.readableBytesView.prefix(4)) } == [3, 0, 0x90, 0])
        let long = test.execute([0x5A], expectedDataIn: 8, from: nexus).dataIn
        #expect(long.map { Array($0.readableBytesView.prefix(4)) } == [3, 0, 0x10, 0x80])
        #expect(test.execute([0x1A], expectedDataIn: 8).dataIn.map { $0.readableBytesView[2] } == 0x10)
    }
}
