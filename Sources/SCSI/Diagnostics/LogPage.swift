// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// The log pages of a direct-access unit, in the order of their codes. Those that would tell of time, temperature or wear
/// are left out: the unit knows of none.
enum LogPage: UInt8, CaseIterable {
    case supportedPages = 0x00
    case writeErrorCounters = 0x02
    case readErrorCounters = 0x03
    case verifyErrorCounters = 0x05
    case nonMediumErrors = 0x06
    /// How much space a thin unit takes, and how much there is (SBC-3).
    case logicalBlockProvisioning = 0x0C
    case selfTestResults = 0x10
    case generalStatistics = 0x19
    case informationalExceptions = 0x2F
}

/// A log parameter: code (2), control, length, value.
struct LogParameter {
    var code: UInt16
    var control: UInt8
    var value: [UInt8]

    /// FORMAT AND LINKING 11b: a list in binary.
    static func list(_ code: UInt16, _ value: [UInt8]) -> LogParameter {
        LogParameter(code: code, control: 0x03, value: value)
    }

    /// FORMAT AND LINKING 10b: a counter, of eight bytes.
    static func counter(_ code: UInt16, _ value: UInt64) -> LogParameter {
        LogParameter(code: code, control: 0x02, value: Self.bytes(value))
    }

    fileprivate static func bytes(_ value: UInt64) -> [UInt8] {
        stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
    }

    func write(to body: inout ByteBuffer) {
        body.writeInteger(self.code)
        body.writeInteger(self.control)
        body.writeInteger(UInt8(self.value.count))
        body.writeBytes(self.value)
    }
}

extension UnitCounters {
    /// The counters of an error counter page: nothing is ever corrected here, so what is told is 0005h, the bytes that were
    /// processed, and 0006h, the errors that were not corrected.
    static func errors(_ traffic: Traffic, blockSize: Int) -> [LogParameter] {
        [.counter(0x0005, traffic.blocks &* UInt64(blockSize)), .counter(0x0006, traffic.failures)]
    }

    /// The general access statistics and performance parameter. Deviates: what is told in time intervals is zero, as the
    /// unit has no clock.
    var statistics: LogParameter {
        let counts = [self.reads.commands, self.writes.commands, self.writes.blocks, self.reads.blocks, 0, 0, 0, 0]
        return .list(0x0001, counts.flatMap(LogParameter.bytes))
    }
}
