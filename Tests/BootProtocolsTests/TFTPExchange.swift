// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import NIOCore

/// A transfer between our sender and a receiver written from RFC 1350 and RFC 7440, over a network that loses and
/// repeats packets as a seed says. Time passes only when nothing is on its way.
struct TFTPExchange: ~Copyable {
    private let file: [UInt8]
    private let expected: [UInt8]
    private var transfer: TFTPTransfer
    private var receiver: Receiver
    private var random: Seeded
    private var now: UInt64 = 1_000
    private var toReceiver: [ByteBuffer] = []

    /// Chances in a thousand that a packet is lost, or arrives twice.
    var lossPermille: UInt64 = 0
    var repeatPermille: UInt64 = 0
    var dataPacketsSent = 0
    var end: TFTPTransfer.End?

    /// What a receiver remembers.
    struct Receiver {
        var blockBytes: Int
        var windowBlocks: Int
        var bytes: [UInt8] = []
        var isComplete = false
        private var lastBlock = 0
        private var sinceAcknowledgement = 0

        init(blockBytes: Int, windowBlocks: Int) {
            self.blockBytes = blockBytes
            self.windowBlocks = windowBlocks
        }

        /// The acknowledgement of what has come in order, if this packet calls for one.
        mutating func received(_ packet: TFTPPacket) -> TFTPPacket? {
            switch packet {
            case .optionAcknowledgement:
                return .acknowledgement(block: 0)
            case .data(let block, let bytes):
                guard block == UInt16(truncatingIfNeeded: self.lastBlock + 1), !self.isComplete else {
                    self.sinceAcknowledgement = 0
                    return self.acknowledgement
                }
                self.lastBlock += 1
                self.bytes += Array(bytes.readableBytesView)
                self.isComplete = bytes.readableBytes < self.blockBytes
                self.sinceAcknowledgement += 1
                guard self.isComplete || self.sinceAcknowledgement == self.windowBlocks else { return nil }
                self.sinceAcknowledgement = 0
                return self.acknowledgement
            default:
                return nil
            }
        }

        var acknowledgement: TFTPPacket {
            .acknowledgement(block: UInt16(truncatingIfNeeded: self.lastBlock))
        }
    }

    init(
        _ file: [UInt8], mode: TFTPRequest.Mode = .octet, expected: [UInt8]? = nil, options: [TFTPOption] = [],
        seed: UInt64 = 1
    ) {
        let terms = TFTPTerms(
            TFTPRequest(file: "f", mode: mode, options: options), size: file.count, blockBytesMax: 65_464)
        self.file = file
        self.expected = expected ?? file
        self.transfer = TFTPTransfer(mode: mode, terms: terms, size: file.count)
        self.receiver = Receiver(blockBytes: terms.blockBytes, windowBlocks: terms.windowBlocks)
        self.random = Seeded(seed)
    }

    /// Whether the receiver has what was expected. Not the bytes themselves: an expectation on those would write them all
    /// into its message.
    var isWhole: Bool {
        self.receiver.bytes == self.expected
    }

    /// Runs until the sender ends; `stepsMax` bounds a transfer that never would.
    mutating func run(stepsMax: Int = 2_000_000) {
        self.perform(self.transfer.start(now: self.now))
        for _ in 0..<stepsMax where self.end == nil {
            if self.toReceiver.isEmpty {
                guard let deadline = self.transfer.deadline else { return }
                self.now = max(self.now, deadline)
                self.perform(self.transfer.timePassed(now: self.now))
                continue
            }
            let packets = self.toReceiver
            self.toReceiver = []
            for packet in packets where !self.isUnlucky(self.lossPermille) {
                self.deliver(packet)
                if self.isUnlucky(self.repeatPermille) { self.deliver(packet) }
            }
        }
    }

    private mutating func deliver(_ packet: ByteBuffer) {
        guard let parsed = try? TFTPPacket.parse(packet.readableBytesSpan), let answer = self.receiver.received(parsed),
            !self.isUnlucky(self.lossPermille)
        else { return }
        self.now += 1
        self.perform(self.transfer.received(answer, now: self.now))
        if self.isUnlucky(self.repeatPermille) { self.perform(self.transfer.received(answer, now: self.now)) }
    }

    private mutating func perform(_ effects: [TFTPTransfer.Effect]) {
        var queue = effects[...]
        while let effect = queue.popFirst() {
            switch effect {
            case .send(let packet):
                if packet.getInteger(at: 0, as: UInt16.self) == 3 { self.dataPacketsSent += 1 }
                self.toReceiver.append(packet)
            case .read(let offset, let count):
                let bytes = ByteBuffer(bytes: self.file[offset..<offset + count])
                queue += self.transfer.dataRead(bytes, now: self.now)
            case .ended(let end):
                self.end = end
            }
        }
    }

    private mutating func isUnlucky(_ permille: UInt64) -> Bool {
        permille > 0 && self.random.next() % 1000 < permille
    }
}
