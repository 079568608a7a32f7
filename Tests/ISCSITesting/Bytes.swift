// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// Bytes written as hexadecimal digits, with blanks and line ends between them as one likes.
package func bytes(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

extension ByteBuffer {
    /// The readable bytes as an array.
    package var array: [UInt8] {
        Array(self.readableBytesView)
    }

    /// Sixteen bytes a line in hexadecimal, for a failing golden test to show.
    package var hexLines: String {
        stride(from: 0, to: self.readableBytes, by: 16).map { start in
            self.array[start..<min(start + 16, self.readableBytes)].map { byte in
                byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16)
            }.joined(separator: " ")
        }.joined(separator: "\n")
    }
}

/// The bytes of a stream of `bytes`, one buffer each.
package func drip(_ bytes: ByteBuffer) -> [ByteBuffer] {
    bytes.readableBytesView.map { ByteBuffer(bytes: [$0]) }
}

/// Cuts `bytes` into pieces of random lengths.
package func pieces(_ bytes: ByteBuffer, longest: Int, _ generator: inout SeededGenerator) -> [ByteBuffer] {
    var rest = bytes
    var pieces: [ByteBuffer] = []
    while rest.readableBytes > 0 {
        let length = Int.random(in: 1...min(longest, rest.readableBytes), using: &generator)
        guard let piece = rest.readSlice(length: length) else { break }
        pieces.append(ByteBuffer(bytes: piece.readableBytesView))
    }
    return pieces
}
