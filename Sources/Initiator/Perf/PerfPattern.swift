// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Wire

/// What verify mode writes: every eight bytes tell, mixed up, where they belong and in which write they came.
struct PerfPattern: Sendable {
    private let start: UInt64

    /// - Parameters:
    ///   - byteOffset: of the I/O in the unit.
    ///   - generation: the how-manieth write of this place it is, from 1.
    init(seed: UInt64, byteOffset: UInt64, generation: UInt32) {
        self.start = SplitMix.mix(seed ^ byteOffset) &+ UInt64(generation) &* 0xD6E8_FEB8_6659_FD93
    }

    private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

    func write(_ length: Int, to buffer: inout ByteBuffer) {
        var word = self.start
        buffer.reserveCapacity(minimumWritableBytes: length)
        for _ in 0..<(length / 8) {
            buffer.writeInteger(word)
            word &+= Self.step
        }
    }

    /// The offset of the first byte of `data`, the pattern's part from `offset` on, that is not as written.
    func firstDifference(_ data: ByteBuffer, at offset: Int) -> Int? {
        let bytes = data.readableBytesSpan
        var index = 0
        while index < bytes.byteCount {
            let position = offset + index
            let word = self.start &+ UInt64(position / 8) &* Self.step
            if position % 8 == 0, bytes.byteCount - index >= 8 {
                guard bytes.bigEndian(index, as: UInt64.self) == word else { return position }
                index += 8
            } else {
                let expected = UInt8(truncatingIfNeeded: word >> UInt64(56 - position % 8 * 8))
                guard bytes.byte(index) == expected else { return position }
                index += 1
            }
        }
        return nil
    }
}
