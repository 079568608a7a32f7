// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing
import Wire

@Suite("Big-endian fields")
struct BigEndianTests {
    private static let sample = ByteBuffer(bytes: bytes("01 23 45 67 89 ab cd ef fe dc"))

    @Test func `integers of every width are read at any offset`() {
        let span = Self.sample.readableBytesSpan
        #expect(span.byte(9) == 0xdc)
        #expect(span.bigEndian(1, as: UInt16.self) == 0x2345)
        #expect(span.bigEndian24(7) == 0xeffedc)
        #expect(span.bigEndian(3, as: UInt32.self) == 0x6789_abcd)
        #expect(span.bigEndian(2, as: UInt64.self) == 0x4567_89ab_cdef_fedc)
        #expect(span.bigEndian(8, as: Int16.self) == -292)
    }

    @Test func `the last field of a span ends where the span does`() {
        let span = Self.sample.readableBytesSpan.extracting(first: 8)
        #expect(span.bigEndian(0, as: UInt64.self) == 0x0123_4567_89ab_cdef)
        #expect(span.bigEndian24(5) == 0xabcdef)
    }

    @Test func `what is stored is read again, and its neighbours stay`() {
        var storage: [UInt8] = [0xaa, 0, 0, 0, 0, 0xbb]
        // Bytes have no padding, and every value of a byte is one.
        var mutable = storage.mutableSpan
        var span = unsafe mutable.mutableBytes
        span.storeBigEndian(0x0102_0304 as UInt32, at: 1)
        #expect(storage == [0xaa, 1, 2, 3, 4, 0xbb])
    }

    @Test(arguments: [-1, 7, 10, Int.max])
    func `a field outside of the span stops the program`(offset: Int) async {
        await #expect(processExitsWith: .failure) { [offset] in
            _ = ByteBuffer(repeating: 0, count: 10).readableBytesSpan.bigEndian(offset, as: UInt32.self)
        }
    }
}
