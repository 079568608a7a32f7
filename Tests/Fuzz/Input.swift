// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore

/// The bytes of one run, taken from the front. What is missing reads as zero.
struct Input {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
    }

    var isEmpty: Bool { self.bytes.isEmpty }

    mutating func byte() -> UInt8 {
        self.bytes.popFirst() ?? 0
    }

    mutating func number() -> Int {
        Int(self.byte()) << 8 | Int(self.byte())
    }

    /// The next bytes, fewer where there are fewer.
    mutating func take(_ count: Int) -> [UInt8] {
        defer { self.bytes = self.bytes.dropFirst(count) }
        return Array(self.bytes.prefix(count))
    }

    mutating func buffer(_ count: Int = .max) -> ByteBuffer {
        ByteBuffer(bytes: self.take(min(count, self.bytes.count)))
    }
}
