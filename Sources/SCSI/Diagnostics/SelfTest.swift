// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block

/// A self-test that SEND DIAGNOSTIC asked for: blocks are read, and forgotten.
///
/// The short one reads the first block, the one in the middle and the last; the extended one all of the medium. A short
/// one in the background is over before its status, which takes no longer than a read; an extended one goes on beside
/// the commands that come (`nextSelfTestStep`).
package struct SelfTest: Sendable {
    enum Kind: UInt8, Sendable {
        case standard = 0b000
        case backgroundShort = 0b001
        case backgroundExtended = 0b010
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
        guard self.kind == .foregroundExtended || self.kind == .backgroundExtended else {
            let (middle, last) = (geometry.blockCount / 2, geometry.blockCount - 1)
            self.next = lba < middle ? middle : lba < last ? last : geometry.blockCount
            return BlockRange(lba: lba, count: 1)
        }
        let count = min(geometry.blockCount - lba, UInt64(Limits.verificationBytes / geometry.blockSize))
        self.next += count
        return BlockRange(lba: lba, count: UInt32(count))
    }

    /// How far it is, in 65,536ths.
    func progress(_ geometry: BlockGeometry) -> UInt16 {
        UInt16(clamping: geometry.blockCount.dividingFullWidth((self.next >> 48, self.next << 16)).quotient)
    }

    /// What became of one (log page 10h).
    struct Result: Sendable {
        var kind: Kind
        var end = End.passed

        enum End: Sendable {
            case passed
            /// By SEND DIAGNOSTIC, or by a reset or another command.
            case aborted(byRequest: Bool)
            /// The first address of the range that could not be read.
            case failed(at: UInt64)
            case isRunning
        }

        /// SELF-TEST CODE and RESULTS, number, time in hours (unknown: 0), address of the first failure, sense key, codes.
        var value: [UInt8] {
            var (result, address) = (UInt8(0), UInt64.max)
            switch self.end {
            case .passed: break
            case .aborted(let byRequest): result = byRequest ? 1 : 2
            case .isRunning: result = 0xF
            case .failed(let lba):
                let isShort = self.kind != .foregroundExtended && self.kind != .backgroundExtended
                (result, address) = (isShort ? 3 : 6, lba)
            }
            var bytes: [UInt8] = [self.kind.rawValue << 5 | result, 0, 0, 0]
            bytes += stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: address >> UInt64($0)) }
            return bytes + (address == .max ? [0, 0, 0, 0] : [SenseKey.hardwareError.rawValue, 0x3E, 0x03, 0])
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
        self.keep(.init(kind: test.kind, end: .failed(at: lba)))
        return self.check(Sense(.hardwareError, .logicalUnitFailedSelfTest))
    }

    private func goOn(_ test: SelfTest) -> TaskStep {
        var test = test
        guard let range = test.step(self.info.geometry) else { return .finish(.good) }
        return .perform(.read(range), .selfTest(test, lba: range.lba))
    }

    // MARK: - In the background

    /// Begins the test; SEND DIAGNOSTIC is answered at once.
    mutating func beginInBackground(_ test: SelfTest) -> TaskStep {
        self.backgroundTest = test
        return .selfTest
    }

    /// What to read next for the test that runs in the background; nil where none does any longer.
    package mutating func nextSelfTestStep() -> BackgroundStep? {
        guard var test = self.backgroundTest, let range = test.step(self.info.geometry) else { return nil }
        self.backgroundTest = test
        self.backgroundTestRange = range
        return BackgroundStep(request: .read(range), byteCount: UInt64(self.info.geometry.byteCount(range)))
    }

    /// What was to be read has been, or could not be.
    package mutating func selfTestPerformed(_ result: Swift.Result<BlockReply, BlockError>) {
        guard let test = self.backgroundTest, let range = self.backgroundTestRange else { return }
        var rest = test
        if case .failure = result {
            self.endBackgroundTest(.failed(at: range.lba))
        } else if rest.step(self.info.geometry) == nil {
            self.endBackgroundTest(.passed)
        }
    }

    mutating func endBackgroundTest(_ end: SelfTest.Result.End) {
        guard let test = self.backgroundTest else { return }
        self.backgroundTest = nil
        self.backgroundTestRange = nil
        self.keep(.init(kind: test.kind, end: end))
    }

    /// The newest results, that of a test which is running before them.
    var selfTestResults: [SelfTest.Result] {
        guard let test = self.backgroundTest else { return self.selfTests }
        return [.init(kind: test.kind, end: .isRunning)] + self.selfTests
    }

    /// What REQUEST SENSE tells while a test runs.
    var selfTestStanding: Sense? {
        self.backgroundTest.map {
            Sense(.notReady, .selfTestInProgress, specific: .progress($0.progress(self.info.geometry)))
        }
    }

    private mutating func keep(_ result: SelfTest.Result) {
        self.selfTests.insert(result, at: 0)
        self.selfTests.removeLast(max(0, self.selfTests.count - SelfTest.results))
    }
}
