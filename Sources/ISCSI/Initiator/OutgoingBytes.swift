// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// What is to be sent: headers and short data gathered in one buffer, long data as it is.
///
///     pieces: [ headers … | long data | headers … | long data ]  tail: headers and short data
package struct OutgoingBytes: Sendable {
    /// Data of up to this length is copied behind its header: cheaper than one more piece in the vectored write.
    static let copiedLength = 16_384

    private var pieces: [ByteBuffer] = []
    var tail: ByteBuffer
    /// Bytes in `pieces`.
    private var piecesLength = 0

    package init(_ tail: ByteBuffer = ByteBuffer()) {
        self.tail = tail
    }

    package var byteCount: Int {
        self.piecesLength + self.tail.readableBytes
    }

    mutating func append(_ data: ByteBuffer) {
        guard data.readableBytes > Self.copiedLength else {
            self.tail.writeImmutableBuffer(data)
            return
        }
        if self.tail.readableBytes > 0 {
            self.pieces.append(self.tail)
            self.tail = ByteBuffer()
        }
        self.pieces.append(data)
        self.piecesLength = self.pieces.reduce(0) { $0 + $1.readableBytes }
    }

    /// Gives every piece to `write`, in order. The tail keeps its memory where nobody else holds it afterwards.
    package mutating func drain(_ write: (ByteBuffer) -> Void) {
        for piece in self.pieces { write(piece) }
        if self.tail.readableBytes > 0 { write(self.tail) }
        self.pieces.removeAll(keepingCapacity: true)
        self.piecesLength = 0
    }

    /// Empties the tail once it has been written.
    package mutating func clear() {
        self.tail.clear()
    }
}
