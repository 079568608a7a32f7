// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import NIOCore
import Testing

@Suite("RFC 7143 §11.7 Data-In of one command")
struct DataInTransferTests {
    static func command(flags: UInt8 = 0xc1, expectedLength: Int) throws -> SCSICommand {
        var framer = PDUFramer()
        framer.append(Request.command([0x28], tag: 5, flags: flags, expectedLength: expectedLength).encode())
        return SCSICommand(try #require(try framer.next()))
    }

    @Test(
        arguments: [
            // wanted, expected, sent, residual
            (512, 512, 512, .none), (512, 1_024, 512, .underflow(512)), (1_024, 512, 512, .overflow(512)),
            (0, 512, 0, .underflow(512)), (512, 0, 0, .overflow(512)), (0, 0, 0, .none),
        ] as [(Int, Int, Int, Residual)])
    func `no more is sent than there is, and no more than is expected`(
        wanted: Int, expected: Int, sent: Int, residual: Residual
    ) throws {
        let transfer = DataInTransfer(try Self.command(expectedLength: expected), wanted: wanted)
        #expect(transfer.total == sent && transfer.residual == residual)
        #expect(transfer.isDone == (sent == 0))
    }

    @Test func `a command that does not read is sent nothing`() throws {
        #expect(DataInTransfer(try Self.command(flags: 0xa1, expectedLength: 512), wanted: 512).total == 0)
        #expect(DataInTransfer(try Self.command(flags: 0x81, expectedLength: 0), wanted: 96).total == 0)
    }

    @Test func `residuals are counted as far as 32 bits go`() {
        #expect(Residual(wanted: Int.max, expected: 0) == .overflow(.max))
        #expect(Residual(wanted: 0, expected: 0xffff_ffff) == .underflow(0xffff_ffff))
    }

    /// Sends all Data-In of a READ and checks each header against the sequence rules.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `segments and bursts are cut as agreed`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<25 {
            let segment = Int.random(in: 512...9_000, using: &generator)
            let burst = Int.random(in: 512...20_000, using: &generator)
            let wanted = Int.random(in: 1...60_000, using: &generator)
            let login = ScriptedTarget.login { parameters in
                parameters.initiatorMaxRecvDataSegmentLength = segment
                parameters.maxBurstLength = burst
            }
            var connection = TargetConnection(
                login: login, session: TargetSession(login: login), statSN: 1)
            var transfer = DataInTransfer(try Self.command(expectedLength: wanted), wanted: wanted)
            var initiator = Initiator()
            var output = ByteBuffer()
            while !transfer.isDone {
                // Whoever reads the blocks may send less than allowed.
                let length = Int.random(in: 1...transfer.nextLength(connection.parameters), using: &generator)
                connection.writeDataInHeader(&transfer, length: length, output: &output)
                output.writeRepeatingByte(0, count: length)
                connection.endDataIn(length: length, output: &output)
            }
            var offset = 0
            var inBurst = 0
            let pdus = initiator.receive(output)
            for (index, pdu) in pdus.enumerated() {
                let length = pdu.data.readableBytes
                #expect(pdu.dataSN == UInt32(index) && pdu.bufferOffset == offset, "seed \(seed)")
                offset += length
                inBurst += length
                #expect(length <= segment && inBurst <= burst, "seed \(seed)")
                let isLast = offset == wanted
                #expect(pdu.header.isFinal == (isLast || inBurst == burst), "seed \(seed)")
                #expect(pdu.header.flags & 0x01 == (isLast ? 1 : 0), "seed \(seed)")
                if pdu.header.isFinal { inBurst = 0 }
            }
            #expect(offset == wanted && transfer.sentPDUs == UInt32(pdus.count), "seed \(seed)")
        }
    }
}
