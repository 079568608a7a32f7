// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore

/// Cuts a stream of bytes into lines.
struct LineSplitter {
    private var pending = ByteBuffer()

    /// The lines, without their ends, that `bytes` completed.
    mutating func received(_ bytes: inout ByteBuffer) throws(ControlError) -> [ByteBuffer] {
        self.pending.writeBuffer(&bytes)
        var lines: [ByteBuffer] = []
        while let end = self.pending.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            let length = end - self.pending.readerIndex
            guard let line = self.pending.readSlice(length: length) else { break }
            self.pending.moveReaderIndex(forwardBy: 1)
            if length > 0 { lines.append(line) }
        }
        self.pending.discardReadBytes()
        guard self.pending.readableBytes <= Limits.lineBytes else {
            throw ControlError(.broken, "the daemon sent a line longer than \(Limits.lineBytes) bytes")
        }
        return lines
    }
}
