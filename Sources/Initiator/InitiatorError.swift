// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ISCSI

/// Why something at a target could not be done.
package struct InitiatorError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Equatable {
        /// Nobody answers at the address.
        case unreachable
        case login(LoginFailure)
        /// The target broke the protocol.
        case protocolViolation
        /// The connection ended before its time.
        case disconnected
        /// A command ended with another status than GOOD.
        case command(status: UInt8?, senseKey: UInt8?)
        /// What was read is not what was written.
        case miscompare
        /// The file that is to be written cannot be read, or does not fit.
        case source
        case interrupted
    }

    package var kind: Kind
    package var context: String

    package init(_ kind: Kind, _ context: String) {
        self.kind = kind
        self.context = context
    }

    /// Whether the target does not let us in.
    package var isRefusal: Bool {
        switch self.kind {
        case .login(.refused), .login(.authentication): true
        default: false
        }
    }

    package var description: String {
        if case .login(let failure) = self.kind { return "\(self.context): \(failure)" }
        return self.context
    }
}

extension InitiatorError {
    /// The failure that `ending` is; `what` tells what was asked for.
    init(_ ending: TaskEnding, _ what: String) {
        let sense = SenseSummary(ending.sense)
        let status = ending.status.map { "status " + String($0, radix: 16) + "h" } ?? "not completed"
        self.init(
            .command(status: ending.status, senseKey: sense?.key),
            "\(what) fails: \(sense.map { "\($0)" } ?? status)")
    }
}
