// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSITesting
import NIOCore
import Testing
import Wire

@Suite("RFC 7143 §11.2.1 basic header segment")
struct BasicHeaderSegmentTests {
    /// A READ (10) of eight blocks, as Linux sends it.
    static let read = ByteBuffer(
        bytes: bytes(
            """
            01 c1 00 00 00 00 00 00 00 01 00 00 00 00 00 00
            00 00 00 2a 00 00 10 00 00 00 00 13 00 00 00 14
            28 00 00 00 08 00 00 00 08 00 00 00 00 00 00 00
            """))

    @Test func `a SCSI Command's fields`() {
        let header = BasicHeaderSegment(Self.read.readableBytesSpan)
        #expect(header.opcode == .scsiCommand)
        #expect(!header.isImmediate && header.isFinal)
        #expect(header.flags == 0xc1)
        #expect(header.additionalHeaderLength == 0 && header.dataSegmentLength == 0)
        #expect(header.lun == 0x0001_0000_0000_0000)
        #expect(header.initiatorTaskTag == 42)
        #expect(header[field: 20] == 4_096)
        #expect(header[field: 24] == 19 && header[field: 28] == 20)
        let command = SCSICommand(PDU(header: header))
        #expect(command.reads && !command.writes && !command.isImmediate)
        #expect(command.expectedDataIn == 4_096 && command.expectedDataOut == 0)
        let cdb = command.withCDB { span in (0..<span.byteCount).map { span.byte($0) } }
        #expect(cdb == bytes("28 00 00 00 08 00 00 00 08 00 00 00 00 00 00 00"))
    }

    @Test func `what is read is written again`() {
        var generator = SeededGenerator(seed: 48)
        for _ in 0..<1_000 {
            let whole = ByteBuffer(bytes: generator.bytes(48))
            var copy = ByteBuffer()
            BasicHeaderSegment(whole.readableBytesSpan).write(to: &copy)
            #expect(copy == whole)
        }
    }

    @Test func `setting a field leaves every other bit alone`() {
        let ones = ByteBuffer(repeating: 0xff, count: 48)
        var header = BasicHeaderSegment(ones.readableBytesSpan)
        header.flags = 0
        header.opcodeSpecific = 0x1234
        header.dataSegmentLength = 0x01_0203
        header.initiatorTaskTag = 0x0405_0607
        for offset in stride(from: 20, to: 48, by: 8) { header[field: offset] = UInt32(offset) }
        var output = ByteBuffer()
        header.write(to: &output)
        #expect(
            output.array
                == bytes(
                    """
                    ff 00 12 34 ff 01 02 03 ff ff ff ff ff ff ff ff
                    04 05 06 07 00 00 00 14 ff ff ff ff 00 00 00 1c
                    ff ff ff ff 00 00 00 24 ff ff ff ff 00 00 00 2c
                    """))
    }

    @Test func `lengths at their largest`() {
        var request = Request(opcode: 0x01)
        request.header.replaceSubrange(4..<8, with: [0xff, 0xff, 0xff, 0xff])
        let header = BasicHeaderSegment(ByteBuffer(bytes: request.header).readableBytesSpan)
        #expect(header.additionalHeaderLength == 1_020)
        #expect(header.dataSegmentLength == 0xff_ffff)
    }

    @Test func `opcodes that do not exist are none`() {
        let known: Set<UInt8> = [
            0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x10, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x31, 0x32, 0x3f,
        ]
        for first in UInt8.min ... .max {
            let header = BasicHeaderSegment(ByteBuffer(bytes: Request(opcode: first).header).readableBytesSpan)
            #expect((header.opcode != nil) == known.contains(first & 0x3f))
            #expect(header.isImmediate == (first & 0x40 != 0))
        }
    }

    @Test func `an extended CDB is put behind the first 16 bytes`() {
        var request = Request.command([UInt8](1...16), tag: 1, flags: 0x81, expectedLength: 0)
        // First a bidirectional read length, then 5 more bytes of CDB: length 6 counts a reserved byte.
        request.additionalHeaders = bytes("00 05 02 00 00 00 10 00  00 06 01 00 11 12 13 14 15 00 00 00")
        var framer = PDUFramer()
        framer.append(request.encode())
        let pdu = try? framer.next()
        let cdb = pdu.map { SCSICommand($0).withCDB { span in (0..<span.byteCount).map { span.byte($0) } } }
        #expect(cdb == [UInt8](1...21))
    }

    @Test func `additional headers of any bytes never trap`() {
        var generator = SeededGenerator(seed: 288)
        for _ in 0..<5_000 {
            let count = Int.random(in: 1...72, using: &generator) * 4
            let pdu = PDU(
                header: BasicHeaderSegment(Self.read.readableBytesSpan),
                additionalHeaders: ByteBuffer(bytes: generator.bytes(count)))
            let length = SCSICommand(pdu).withCDB { $0.byteCount }
            #expect((16...(16 + 288)).contains(length), "seed 288")
        }
    }
}
