// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// One file on its way to one client (RFC 1350, RFC 2347, RFC 7440), seen from the sender.
///
/// The machine asks for the file's bytes (`read`), cuts them into blocks, keeps at most one window of blocks
/// unacknowledged, and repeats them when the answer does not come. Its caller owns the socket, the file and the clock,
/// calls one of the event methods at a time, performs the effects in order, and calls `timePassed` once `deadline` is
/// reached.
///
/// Two old traps. *Sorcerer's apprentice*: answering a duplicate ACK with another copy of the data doubles every packet
/// for the rest of the transfer, so without windows only the clock repeats a block. With windows (RFC 7440 §4) an ACK
/// short of the window's end asks for the rest, and is heeded once for each step forward. *Block numbers* have 16 bits:
/// they wrap through zero, and an ACK is judged by its distance from the last one, never by `<`.
package struct TFTPTransfer: ~Copyable {
    package enum Effect: Hashable, Sendable {
        case send(ByteBuffer)
        /// Give `count` bytes of the file (fewer only at its end) to `dataRead`.
        case read(offset: Int, count: Int)
        case ended(End)
    }

    package enum End: Hashable, Sendable {
        /// All of it, acknowledged; the bytes as sent.
        case complete(bytes: Int)
        /// The client broke off before it took a block: it only wanted to know the size, as UEFI firmware does.
        case probed
        /// The client broke off in the middle.
        case stopped(TFTPErrorCode, String)
        /// The client fell silent.
        case timedOut(block: Int, retries: Int)
        /// The file could not be read to its end.
        case unreadable
    }

    private enum Phase {
        /// The OACK is out; the client answers it with ACK 0.
        case negotiating
        case sending
        case ended
    }

    private let terms: TFTPTerms
    private let mode: TFTPRequest.Mode
    private let size: Int
    private var phase: Phase

    /// Bytes that were read and not yet cut into blocks.
    private var pending = ByteBuffer()
    private var readOffset = 0
    private var isReading = false
    /// DATA packets that were sent and not acknowledged; the first is block `firstBlock`.
    private var window: [ByteBuffer] = []
    private var firstBlock = 1
    private var lastBlockIsMade = false
    private var bytesSent = 0

    private var retries = 0
    private var hasResentWindow = false
    private var sentAt: UInt64 = 0
    private var roundTripMilliseconds: UInt64?

    /// When `timePassed` is due, on the caller's clock.
    package private(set) var deadline: UInt64?

    package init(mode: TFTPRequest.Mode, terms: TFTPTerms, size: Int) {
        precondition(size >= 0)
        self.mode = mode
        self.terms = terms
        self.size = size
        self.phase = terms.accepted.isEmpty ? .sending : .negotiating
    }

    /// Opens the transfer: with an OACK, or with the first block.
    package mutating func start(now: UInt64) -> [Effect] {
        var effects = self.readAhead()
        if case .negotiating = self.phase {
            effects.insert(.send(TFTPPacket.optionAcknowledgement(self.terms.accepted).encode()), at: 0)
            self.arm(now)
        } else {
            self.fillWindow(now, &effects)
        }
        return effects
    }

    /// The bytes that the last `read` effect asked for.
    package mutating func dataRead(_ bytes: ByteBuffer, now: UInt64) -> [Effect] {
        self.isReading = false
        if case .ended = self.phase { return [] }
        guard bytes.readableBytes == min(Limits.tftpReadBytes, self.size - self.readOffset) else {
            // The file was cut short under us.
            return self.readFailed()
        }
        self.readOffset += bytes.readableBytes
        self.pending.discardReadBytes()
        switch self.mode {
        case .octet: self.pending.writeImmutableBuffer(bytes)
        case .netascii: Netascii.append(bytes, to: &self.pending)
        }
        var effects: [Effect] = []
        if case .sending = self.phase { self.fillWindow(now, &effects) }
        return effects + self.readAhead()
    }

    package mutating func readFailed() -> [Effect] {
        if case .ended = self.phase { return [] }
        let error = TFTPPacket.error(.notDefined, "the file could not be read").encode()
        return [.send(error)] + self.end(.unreadable)
    }

    package mutating func received(_ packet: TFTPPacket, now: UInt64) -> [Effect] {
        switch (self.phase, packet) {
        case (.ended, _):
            return []
        case (_, .error(let code, let message)):
            return self.end(self.bytesAcknowledged ? .stopped(code, message) : .probed)
        case (.negotiating, .acknowledgement(let block)):
            guard block == 0 else { return [] }
            self.phase = .sending
            self.measure(now)
            var effects: [Effect] = []
            self.fillWindow(now, &effects)
            return effects + self.readAhead()
        case (.sending, .acknowledgement(let block)):
            return self.acknowledged(block, now)
        case (_, .readRequest), (_, .writeRequest), (_, .data), (_, .optionAcknowledgement):
            // A repeated request belongs to the port for requests; the others are nothing that a receiver sends.
            return []
        }
    }

    /// Repeats what is unacknowledged, or gives up.
    package mutating func timePassed(now: UInt64) -> [Effect] {
        guard let deadline = self.deadline, now >= deadline else { return [] }
        guard self.retries < Limits.tftpRetriesMax else {
            return self.end(.timedOut(block: self.firstBlock, retries: self.retries))
        }
        self.retries += 1
        self.hasResentWindow = false
        self.arm(now)
        if case .negotiating = self.phase {
            return [.send(TFTPPacket.optionAcknowledgement(self.terms.accepted).encode())]
        }
        return self.window.map { .send($0) }
    }

    private var bytesAcknowledged: Bool {
        self.firstBlock > 1
    }

    private mutating func acknowledged(_ block: UInt16, _ now: UInt64) -> [Effect] {
        let distance = Int(block &- UInt16(truncatingIfNeeded: self.firstBlock - 1))
        guard distance <= self.window.count else { return [] }
        var effects: [Effect] = []
        if distance == 0 {
            // A duplicate: see the trap above.
            guard self.terms.windowBlocks > 1, !self.window.isEmpty, !self.hasResentWindow else { return [] }
            self.hasResentWindow = true
        } else {
            self.measure(now)
            self.window.removeFirst(distance)
            self.firstBlock += distance
            self.hasResentWindow = false
        }
        if self.window.isEmpty, self.lastBlockIsMade { return self.end(.complete(bytes: self.bytesSent)) }
        effects += self.window.map { .send($0) }
        self.arm(now)
        self.fillWindow(now, &effects)
        return effects + self.readAhead()
    }

    /// Cuts and sends blocks until the window is full or the bytes at hand are used up.
    private mutating func fillWindow(_ now: UInt64, _ effects: inout [Effect]) {
        let isEverythingRead = self.readOffset == self.size
        while self.window.count < self.terms.windowBlocks, !self.lastBlockIsMade {
            let count = min(self.terms.blockBytes, self.pending.readableBytes)
            guard count == self.terms.blockBytes || isEverythingRead else { break }
            var packet = ByteBufferAllocator().buffer(capacity: 4 + count)
            let block = UInt16(truncatingIfNeeded: self.firstBlock + self.window.count)
            packet.writeMultipleIntegers(UInt16(3), block)
            if let bytes = self.pending.readSlice(length: count) { packet.writeImmutableBuffer(bytes) }
            self.bytesSent += count
            // A block that is not full is the last one, if need be an empty one (RFC 1350 §6).
            self.lastBlockIsMade = count < self.terms.blockBytes
            self.window.append(packet)
            effects.append(.send(packet))
            self.arm(now)
        }
        // Nothing is out: the next step is ours, not the client's.
        if self.window.isEmpty { self.deadline = nil }
    }

    /// Asks for more of the file while less than two windows are at hand.
    private mutating func readAhead() -> [Effect] {
        if case .ended = self.phase { return [] }
        guard !self.isReading, self.readOffset < self.size,
            self.pending.readableBytes < 2 * self.terms.windowBlocks * self.terms.blockBytes
        else { return [] }
        self.isReading = true
        return [.read(offset: self.readOffset, count: min(Limits.tftpReadBytes, self.size - self.readOffset))]
    }

    private mutating func end(_ end: End) -> [Effect] {
        self.phase = .ended
        self.deadline = nil
        self.window = []
        self.pending = ByteBuffer()
        return [.ended(end)]
    }

    /// Takes the round trip of packets that were sent once (Karn's rule) and forgets the retransmissions.
    private mutating func measure(_ now: UInt64) {
        if self.retries == 0 {
            let sample = now - min(now, self.sentAt)
            self.roundTripMilliseconds = self.roundTripMilliseconds.map { ($0 * 7 + sample) / 8 } ?? sample
        }
        self.retries = 0
    }

    private mutating func arm(_ now: UInt64) {
        self.sentAt = now
        self.deadline = now + self.waitMilliseconds
    }

    /// Four round trips, doubled with each retransmission, up to what the client named (or our own bound).
    ///
    /// Deviates: RFC 2349 has the server wait as long as the client's `timeout` says. We wait that long only while the
    /// round trip is unknown, and at most. curl asks for six seconds; on a network that loses one packet in twenty a
    /// boot file would take minutes, while repeating a block too early costs one packet and no confusion.
    private var waitMilliseconds: UInt64 {
        let range = Limits.tftpWaitMilliseconds
        let longest = self.terms.timeoutSeconds.map { $0 * 1000 } ?? range.upperBound
        let first =
            self.roundTripMilliseconds.map { max($0 * 4, range.lowerBound) }
            ?? self.terms.timeoutSeconds.map { $0 * 1000 } ?? Limits.tftpFirstWaitMilliseconds
        return min(min(first, longest) << UInt64(min(self.retries, 10)), longest)
    }
}
