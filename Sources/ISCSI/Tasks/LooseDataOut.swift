// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore

/// Data-Out where it may come in any order, or be lost on the way and asked for again.
///
///     0 ── received ──▓▓▓──────▓▓── … ── total
///          │ delivered │ early  │ early
///
/// Whoever serves the command gets its data in order all the same: what comes before its turn is kept until the gap is
/// filled. With error recovery, a sequence that ends with gaps has them asked for by further R2Ts (recovery R2T,
/// RFC 7143 §7.8), and what comes twice is dropped.
extension DataOutTransfer {
    /// How far a session departs from one PDU after the other.
    struct Rules: Sendable {
        var pduInOrder = true
        var sequenceInOrder = true
        var recovers = false

        static let strict = Rules()

        var isStrict: Bool {
            self.pduInOrder && self.sequenceInOrder && !self.recovers
        }
    }

    /// Data that came before its turn.
    struct EarlyPiece: Sendable {
        var offset: Int
        var data: ByteBuffer

        var end: Int {
            self.offset + self.data.readableBytes
        }
    }

    /// A gap that is to be asked for; its bytes may have been asked for before.
    struct Gap: Sendable {
        var range: Range<Int>
        var isCharged: Bool
    }

    /// What a Data-Out PDU says of itself.
    struct Piece: Sendable {
        var offset: Int
        var length: Int
        /// nil for a further piece of a PDU, whose DataSN came with its first.
        var dataSN: UInt32?
        var targetTransferTag: UInt32
        var isFinal: Bool
    }

    /// Takes a Data-Out PDU.
    ///
    /// - Parameter data: nil where the PDU was damaged: it came, but its data did not.
    /// - Returns: what can be delivered now, and how many bytes are new.
    mutating func receiveLoosely(
        _ piece: Piece, data: ByteBuffer?
    ) throws(Violation) -> (deliverable: ByteBuffer, newBytes: Int) {
        let isUnsolicited = piece.targetTransferTag == reservedTag
        guard let index = self.bursts.firstIndex(where: { $0.targetTransferTag == piece.targetTransferTag }) else {
            // A sequence that was asked for twice, and has come.
            if self.rules.recovers { return (ByteBuffer(), 0) }
            throw isUnsolicited ? .unsolicited : .wrongTransferTag
        }
        var burst = self.bursts[index]
        guard index == 0 || !self.rules.sequenceInOrder || self.rules.recovers else { throw .wrongTransferTag }
        let end = piece.offset + piece.length
        guard piece.offset >= burst.start, end <= burst.end else { throw .tooLong }
        try self.checkOrder(piece, &burst)
        burst.reach = max(burst.reach, end)
        let newBytes = try data.map { data throws(Violation) in try self.insert(piece.offset, data) } ?? 0
        self.idleTicks = 0
        let isWhole = self.gaps(in: burst.start..<burst.end).isEmpty
        if piece.isFinal || isWhole {
            self.bursts.remove(at: index)
            try self.endSequence(burst, isUnsolicited: isUnsolicited)
        } else {
            self.bursts[index] = burst
        }
        return (self.takeDeliverable(), newBytes)
    }

    private func checkOrder(_ piece: Piece, _ burst: inout Burst) throws(Violation) {
        if let dataSN = piece.dataSN {
            guard dataSN == burst.nextDataSN || self.rules.recovers else {
                throw .wrongDataSN(expected: burst.nextDataSN, got: dataSN)
            }
            burst.nextDataSN = max(burst.nextDataSN, dataSN &+ 1)
        }
        guard piece.offset == burst.reach || !self.rules.pduInOrder || self.rules.recovers else {
            throw .wrongOffset(expected: burst.reach, got: piece.offset)
        }
    }

    /// A sequence is over: what is missing of it is asked for again, or it should not be missing.
    private mutating func endSequence(_ burst: Burst, isUnsolicited: Bool) throws(Violation) {
        let missing = self.gaps(in: burst.start..<(isUnsolicited ? burst.reach : burst.end))
        guard missing.isEmpty || self.rules.recovers else { throw .finalTooEarly }
        self.retries += missing.map { Gap(range: $0, isCharged: !isUnsolicited) }
        guard isUnsolicited else { return }
        self.isUnsolicitedOpen = false
        self.solicitedEnd = max(self.solicitedEnd, burst.reach)
    }

    /// Keeps a piece; returns how many of its bytes are new.
    private mutating func insert(_ offset: Int, _ data: ByteBuffer) throws(Violation) -> Int {
        let end = offset + data.readableBytes
        guard data.readableBytes > 0 else { return 0 }
        guard self.early.count < Limits.earlyPieces else { throw .tooManyPieces }
        // Nearly always it belongs behind those that are there.
        let isBehind = self.early.last.map { $0.offset < offset } ?? true
        let place = isBehind ? self.early.count : self.early.firstIndex { $0.offset >= offset } ?? self.early.count
        let before = place > 0 ? self.early[place - 1].end : self.received
        let after = place < self.early.count ? self.early[place].offset : Int.max
        guard offset >= max(before, self.received), end <= after else {
            // Bytes that are there already: the same PDU again.
            guard self.rules.recovers else { throw .wrongOffset(expected: self.received, got: offset) }
            return 0
        }
        self.early.insert(EarlyPiece(offset: offset, data: data), at: place)
        return data.readableBytes
    }

    private mutating func takeDeliverable() -> ByteBuffer {
        var deliverable = ByteBuffer()
        let start = self.received
        var taken = 0
        while taken < self.early.count, self.early[taken].offset == self.received {
            self.received = self.early[taken].end
            if deliverable.readableBytes == 0 {
                deliverable = self.early[taken].data
            } else {
                deliverable.writeImmutableBuffer(self.early[taken].data)
            }
            taken += 1
        }
        self.early.removeFirst(taken)
        let wanted = max(0, min(self.received, self.total) - start)
        if wanted < deliverable.readableBytes {
            deliverable.moveWriterIndex(to: deliverable.readerIndex + wanted)
        }
        return deliverable
    }

    /// What has not come of `range`, as far as the command takes it.
    private func gaps(in range: Range<Int>) -> [Range<Int>] {
        var gaps: [Range<Int>] = []
        var position = max(range.lowerBound, self.received)
        let end = min(range.upperBound, self.total)
        for piece in self.early where piece.end > position {
            guard position < end else { break }
            if piece.offset > position { gaps.append(position..<min(piece.offset, end)) }
            position = piece.end
        }
        if position < end { gaps.append(position..<end) }
        return gaps
    }

    /// Another connection goes on with the task: what was asked for is asked for again there.
    mutating func moveToAnotherConnection() {
        if let open = self.bursts.firstIndex(where: { $0.targetTransferTag == reservedTag }) {
            let burst = self.bursts.remove(at: open)
            self.isUnsolicitedOpen = false
            self.solicitedEnd = max(self.solicitedEnd, burst.reach)
            self.retries += self.gaps(in: burst.start..<burst.reach).map { Gap(range: $0, isCharged: false) }
        }
        for index in self.bursts.indices {
            self.bursts[index].nextDataSN = 0
            self.bursts[index].reach = self.bursts[index].start
        }
        self.idleTicks = 0
    }
}
