// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Model

/// Why the daemon did not do what was asked: one line with cause and remedy.
package struct ControlError: Error, Sendable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// Nothing listens at the socket.
        case notRunning
        /// This user may not use the socket.
        case noPermission
        /// Nobody answers at the server that was named.
        case unreachable
        /// What was named does not exist.
        case notFound
        /// The daemon refused; `problems` say why where there are several reasons.
        case refused
        /// The configuration is at another generation than expected.
        case conflict
        /// The answer made no sense, or the connection broke.
        case broken
    }

    package var kind: Kind
    package var description: String
    package var problems: [Problem]

    package init(_ kind: Kind, _ description: String, problems: [Problem] = []) {
        self.kind = kind
        self.description = description
        self.problems = problems
    }

    init(status: Int, _ report: ErrorReport?) {
        let kind: Kind =
            switch status {
            case 401: .noPermission
            case 404: .notFound
            case 409, 412: .conflict
            case 400..<500: .refused
            default: .broken
            }
        self.init(kind, report?.error ?? "the daemon answered with status \(status)", problems: report?.problems ?? [])
    }
}
