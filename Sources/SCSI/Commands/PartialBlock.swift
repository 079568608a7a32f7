// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
package import NIOCore

/// The end of a WRITE whose initiator's data ends within a block (its expected length is less than the command's): the
/// bytes that came take the front of that block, and the others stay.
package struct PartialBlock: Sendable {
    private let lba: UInt64
    private let bytes: ByteBuffer
    private let durable: Bool

    package init(lba: UInt64, bytes: ByteBuffer, durable: Bool) {
        self.lba = lba
        self.bytes = bytes
        self.durable = durable
    }

    private var range: BlockRange { BlockRange(lba: self.lba, count: 1) }

    var readStep: TaskStep { .perform(.read(self.range), .partialBlockRead(self)) }

    /// The block is written if nobody has changed it since it was read; or else it is read again.
    func writeStep(over old: ByteBuffer) -> TaskStep {
        var replacement = self.bytes
        let kept = old.getSlice(
            at: old.readerIndex + self.bytes.readableBytes, length: old.readableBytes - self.bytes.readableBytes)
        if let kept { replacement.writeImmutableBuffer(kept) }
        return .perform(
            .compareAndWrite(self.range, expected: old, replacement: replacement, durable: self.durable),
            .partialBlockWritten(self))
    }
}

extension LogicalUnit {
    /// Decides what the rest of a WRITE needs.
    package func write(_ rest: PartialBlock) -> TaskStep {
        rest.readStep
    }
}
