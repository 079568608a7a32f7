// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block

/// A self-test that SEND DIAGNOSTIC asked for: blocks are read, and forgotten.
///
/// The short one reads the first block, the one in the middle and the last; the extended one all of the medium. A short
/// one in the background is over before its status, which takes no longer than a read.
package struct SelfTest: Sendable {
    enum Kind: UInt8, Sendable {
        case standard = 0b000
        case backgroundShort = 0b001
        case foregroundShort = 0b101
        case foregroundExtended = 0b110
    }

    let kind: Kind
    /// What is still to be read.
    private var next: UInt64 = 0

    init(_ kind: Kind) {
        self.kind = kind
    }

    /// What to read next; nil when all has been read.
    mutating func step(_ geometry: BlockGeometry) -> BlockRange? {
        guard self.next < geometry.blockCount else { return nil }
        let lba = self.next
        guard self.kind == .foregroundExtended else {
            let (middle, last) = (geometry.blockCount / 2, geometry.blockCount - 1)
            self.next = lba < middle ? middle : lba < last ? last : geometry.blockCount
            return BlockRange(lba: lba, count: 1)
        }
        let count = min(geometry.blockCount - lba, UInt64(Limits.verificationBytes / geometry.blockSize))
        self.next += count
        return BlockRange(lba: lba, count: UInt32(count))
    }

    /// What became of one (log page 10h).
    struct Result: Sendable {
        var kind: Kind
        /// The first address of the range that could not be read; nil where all could.
        var failedAt: UInt64?

        /// SELF-TEST CODE and RESULTS, number, time in hours (unknown: 0), address of the first failure, sense key, codes.
        var value: [UInt8] {
            let failed: UInt8 = self.kind == .foregroundExtended ? 6 : 3
            var bytes: [UInt8] = [self.kind.rawValue << 5 | (self.failedAt == nil ? 0 : failed), 0, 0, 0]
            let address = self.failedAt ?? .max
            bytes += stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: address >> UInt64($0)) }
            return bytes + (self.failedAt == nil ? [0, 0, 0, 0] : [SenseKey.hardwareError.rawValue, 0x3E, 0x03, 0])
        }
    }

    /// How many results are kept, the newest first.
    static let results = 20
}

extension LogicalUnit {
    func begin(_ test: SelfTest) -> TaskStep {
        self.goOn(test)
    }

    /// The last blocks that were asked for could be read.
    mutating func passed(_ test: SelfTest) -> TaskStep {
        let step = self.goOn(test)
        if case .finish = step { self.keep(.init(kind: test.kind)) }
        return step
    }

    /// They could not.
    mutating func failed(_ test: SelfTest, at lba: UInt64) -> TaskStep {
        self.keep(.init(kind: test.kind, failedAt: lba))
        return self.check(Sense(.hardwareError, .logicalUnitFailedSelfTest))
    }

    private func goOn(_ test: SelfTest) -> TaskStep {
        var test = test
        guard let range = test.step(self.info.geometry) else { return .finish(.good) }
        return .perform(.read(range), .selfTest(test, lba: range.lba))
    }

    private mutating func keep(_ result: SelfTest.Result) {
        self.selfTests.insert(result, at: 0)
        self.selfTests.removeLast(max(0, self.selfTests.count - SelfTest.results))
    }
}
