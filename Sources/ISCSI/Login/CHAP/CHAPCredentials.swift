// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A CHAP secret. It can be compared and hashed with a challenge, and shows itself to nobody: not in a description, not
/// to a debugger's dump, not in a log.
package struct CHAPSecret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    let bytes: [UInt8]

    package init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    package var description: String { "(hidden)" }
    package var debugDescription: String { "(hidden)" }
    package var customMirror: Mirror { Mirror(self, children: []) }

    package static func == (left: CHAPSecret, right: CHAPSecret) -> Bool {
        constantTimeEqual(left.bytes, right.bytes)
    }
}

/// Who somebody says to be, and how they prove it.
package struct CHAPCredentials: Hashable, Sendable {
    package var name: String
    package var secret: CHAPSecret

    package init(name: String, secret: CHAPSecret) {
        self.name = name
        self.secret = secret
    }
}

/// How the initiator of one login has to prove who it is.
package struct CHAPTerms: Hashable, Sendable {
    /// What the initiator knows.
    package var initiator: CHAPCredentials
    /// What the target proves itself with where the initiator wants that; nil refuses it.
    package var target: CHAPCredentials?
    /// The algorithms that are allowed, the best first.
    package var algorithms: [CHAPAlgorithm]

    package init(
        initiator: CHAPCredentials, target: CHAPCredentials? = nil, algorithms: [CHAPAlgorithm] = CHAPAlgorithm.allCases
    ) {
        self.initiator = initiator
        self.target = target
        self.algorithms = algorithms
    }
}

/// What an initiator has to prove in the security stage.
package enum Authentication: Hashable, Sendable {
    /// Nothing.
    case none
    /// Nothing, but who offers CHAP first is asked for it.
    case optional(CHAPTerms)
    /// Who they are, by CHAP.
    case required(CHAPTerms)
    /// Who they are, but nothing is configured to prove it by; the reason says what is missing.
    case impossible(reason: String)

    /// Our list of AuthMethod.
    var methods: [String] {
        switch self {
        case .none: ["None"]
        case .optional: ["CHAP", "None"]
        case .required, .impossible: ["CHAP"]
        }
    }

    var terms: CHAPTerms? {
        switch self {
        case .none, .impossible: nil
        case .optional(let terms), .required(let terms): terms
        }
    }

    var isRequired: Bool {
        switch self {
        case .none, .optional: false
        case .required, .impossible: true
        }
    }
}

/// Random bytes for one login, which its owner draws: an identifier and a challenge are made of them.
package struct LoginRandomness: Sendable {
    package static let byteCount = 1 + CHAPAlgorithm.longestDigest

    let identifier: UInt8
    let challenge: [UInt8]

    /// - Parameter bytes: `byteCount` of them, unpredictable and used for no other login.
    package init(_ bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount, "a login's randomness has \(Self.byteCount) bytes")
        self.identifier = bytes[0]
        self.challenge = Array(bytes[1...])
    }
}

/// Whether both are the same, found out in a time that tells nothing of where they differ.
func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
}
