// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The Data-Out of one command: what has come, what was asked for, what may come unasked (RFC 7143 §4.2.5.2, §11.7, §11.8).
///
///     0 ........ received ........ solicitedEnd ............ total ...... expected
///                │ in order         │ asked for by R2Ts         │ SCSI wants  │ initiator has
///
/// Where data comes in order and nothing is recovered, one offset says what has come. Where it need not, see
/// `receiveLoosely`.
package struct DataOutTransfer: Sendable {
    /// A burst that an R2T asked for.
    struct Burst: Sendable {
        var targetTransferTag: UInt32
        var r2tSN: UInt32
        var start: Int
        var end: Int
        /// How far its PDUs have come.
        var reach: Int
        var nextDataSN: UInt32 = 0

        init(targetTransferTag: UInt32, r2tSN: UInt32, start: Int, end: Int) {
            self.targetTransferTag = targetTransferTag
            self.r2tSN = r2tSN
            self.start = start
            self.end = end
            self.reach = start
        }
    }

    package enum Violation: Error, Equatable {
        case wrongDataSN(expected: UInt32, got: UInt32)
        case wrongOffset(expected: Int, got: Int)
        case tooLong
        case unsolicited
        case wrongTransferTag
        case finalTooEarly
        case tooManyPieces
    }

    /// Bytes that the command takes.
    package let total: Int
    /// Where unsolicited data must end.
    private let unsolicitedEnd: Int
    var received: Int
    var solicitedEnd: Int
    var isUnsolicitedOpen: Bool
    private var unsolicitedDataSN: UInt32 = 0
    var bursts: [Burst] = []
    private(set) var r2tSN: UInt32 = 0
    let rules: Rules
    /// Data that came before its turn, by offset.
    var early: [EarlyPiece] = []
    /// Gaps that are to be asked for again.
    var retries: [Gap] = []
    /// How often the clock ticked since anything came.
    var idleTicks = 0

    /// - Parameters:
    ///   - wanted: what the command takes, in bytes.
    ///   - expected: what the initiator has, in bytes.
    ///   - immediate: what came with the command, in bytes.
    ///   - moreUnsolicited: whether the F bit of the command was 0.
    init(
        wanted: Int, expected: Int, immediate: Int, moreUnsolicited: Bool, firstBurstLength: Int, rules: Rules
    ) {
        self.total = min(wanted, expected)
        self.received = immediate
        self.isUnsolicitedOpen = moreUnsolicited
        self.unsolicitedEnd = min(expected, firstBurstLength)
        self.solicitedEnd = 0
        self.rules = rules
        if moreUnsolicited, !rules.isStrict {
            self.bursts = [
                Burst(
                    targetTransferTag: reservedTag, r2tSN: 0, start: immediate, end: max(immediate, self.unsolicitedEnd)
                )
            ]
        }
    }

    /// That of a command without Data-Out.
    static let nothing = DataOutTransfer(
        wanted: 0, expected: 0, immediate: 0, moreUnsolicited: false, firstBurstLength: 0, rules: .strict)

    /// Whether every byte that was or may be sent has come.
    package var isComplete: Bool {
        self.received >= self.total && !self.isUnsolicitedOpen && self.bursts.isEmpty && self.retries.isEmpty
    }

    /// Whether an R2T could be sent now.
    func wantsR2T(maxOutstanding: UInt32) -> Bool {
        !self.isUnsolicitedOpen && self.bursts.count < Int(maxOutstanding)
            && (self.nextSolicited < self.total || !self.retries.isEmpty)
    }

    private var nextSolicited: Int {
        max(self.received, self.solicitedEnd)
    }

    /// The R2Ts that have not been answered in full, oldest first.
    var outstanding: [Burst] {
        self.bursts.filter { $0.targetTransferTag != reservedTag }
    }

    /// Notes the next R2T and returns it, and how many of its bytes have not been asked for before.
    mutating func solicit(targetTransferTag: UInt32, maxBurstLength: Int) -> (burst: Burst, newBytes: Int) {
        var offset = self.nextSolicited
        var length = min(maxBurstLength, self.total - offset)
        var newBytes = length
        if let gap = self.retries.first {
            offset = gap.range.lowerBound
            length = min(maxBurstLength, gap.range.count)
            newBytes = gap.isCharged ? 0 : length
            self.retries[0].range = (offset + length)..<gap.range.upperBound
            if self.retries[0].range.isEmpty { self.retries.removeFirst() }
        } else {
            self.solicitedEnd = offset + length
        }
        if self.bursts.isEmpty { self.idleTicks = 0 }
        let burst = Burst(
            targetTransferTag: targetTransferTag, r2tSN: self.r2tSN, start: offset, end: offset + length)
        self.bursts.append(burst)
        self.r2tSN &+= 1
        return (burst, newBytes)
    }

    /// Takes a Data-Out PDU and returns how many of its bytes the command wants.
    ///
    /// What an initiator sends unasked beyond what the command takes is dropped: it cannot know better.
    ///
    /// - Parameter dataSN: nil for a further piece of a PDU, whose DataSN came with its first.
    mutating func receive(
        length: Int, offset: Int, dataSN: UInt32?, targetTransferTag: UInt32, isFinal: Bool
    ) throws(Violation) -> Int {
        guard offset == self.received else { throw .wrongOffset(expected: self.received, got: offset) }
        if targetTransferTag == reservedTag {
            guard self.isUnsolicitedOpen else { throw .unsolicited }
            try Self.check(dataSN, &self.unsolicitedDataSN)
            guard offset + length <= self.unsolicitedEnd else { throw .tooLong }
            self.isUnsolicitedOpen = !isFinal
        } else {
            guard let burst = self.bursts.first, burst.targetTransferTag == targetTransferTag else {
                throw .wrongTransferTag
            }
            try Self.check(dataSN, &self.bursts[0].nextDataSN)
            guard offset + length <= burst.end else { throw .tooLong }
            if offset + length == burst.end {
                self.bursts.removeFirst()
            } else if isFinal {
                throw .finalTooEarly
            }
        }
        self.received = offset + length
        self.idleTicks = 0
        return max(0, min(self.received, self.total) - offset)
    }

    private static func check(_ dataSN: UInt32?, _ next: inout UInt32) throws(Violation) {
        guard let dataSN else { return }
        guard dataSN == next else { throw .wrongDataSN(expected: next, got: dataSN) }
        next &+= 1
    }
}
