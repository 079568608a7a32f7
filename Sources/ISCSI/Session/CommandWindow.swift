// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Wire

/// A session's command window (RFC 7143 §4.2.2.1): which CmdSN comes next, and how far the initiator may go.
///
///     ExpCmdSN ──────────────► MaxCmdSN
///        │ next to be delivered    │ highest that may be sent = ExpCmdSN + size − 1 − commands outstanding
///
/// The window closes as commands pile up and opens as they end: that is the only flow control that commands have, and
/// what bounds the memory of a session. MaxCmdSN never goes back.
package struct CommandWindow: Sendable {
    package enum Verdict: Sendable, Equatable {
        /// The next in order: deliver it.
        case deliver
        /// In the window, but others come before it.
        case hold
        /// Outside of the window, or a second one of what has been delivered: to be ignored silently.
        case ignore
    }

    package private(set) var expCmdSN: SerialNumber
    package private(set) var maxCmdSN: SerialNumber
    private let size: UInt32
    private var outstanding: UInt32 = 0

    package init(firstCmdSN: UInt32, size: UInt32 = Limits.commandWindow) {
        self.expCmdSN = SerialNumber(firstCmdSN)
        self.maxCmdSN = SerialNumber(firstCmdSN).advanced(by: size - 1)
        self.size = size
    }

    /// Judges a non-immediate command; a delivered one moves the window on.
    package mutating func received(_ cmdSN: SerialNumber) -> Verdict {
        if cmdSN == self.expCmdSN {
            // A full window ends just before ExpCmdSN.
            guard !self.maxCmdSN.precedes(cmdSN) else { return .ignore }
            self.expCmdSN = cmdSN.advanced(by: 1)
            return .deliver
        }
        if cmdSN.precedes(self.expCmdSN) || self.maxCmdSN.precedes(cmdSN) {
            return .ignore
        }
        return .hold
    }

    /// A delivered command became a task that will end later.
    package mutating func taskBegan() {
        self.outstanding += 1
    }

    /// A task ended.
    package mutating func taskEnded() {
        assert(self.outstanding > 0)
        self.outstanding -= 1
    }

    /// Brings MaxCmdSN up to date, to be told to the initiator.
    package mutating func advance() -> (exp: UInt32, max: UInt32) {
        let room = self.size - min(self.outstanding, self.size)
        let candidate = self.expCmdSN.advanced(by: room &- 1)
        if self.maxCmdSN.precedes(candidate) {
            self.maxCmdSN = candidate
        }
        return (self.expCmdSN.value, self.maxCmdSN.value)
    }
}
