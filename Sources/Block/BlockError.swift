// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Why a store could not do what it was asked.
///
/// `kind` is what the SCSI layer turns into sense data; `context` and `errno` are for the operator's log.
public struct BlockError: Error, Sendable, CustomStringConvertible {
    /// The stable part: a caller switches over this.
    public enum Kind: Sendable, Hashable {
        /// The medium could not be read.
        case read
        /// The medium could not be written, or a write already replied to was lost.
        case write
        /// The store has no room left for the write.
        case full
        /// The store refuses writes.
        case readOnly
        /// The store does not offer this request.
        case unsupported
        /// The store could not be opened, or is gone.
        case unavailable
    }

    public var kind: Kind
    /// What was being done, to what: "write /srv/a.img at byte 4096".
    public var context: String
    /// The system's own code, where there is one.
    public var errno: Int32?
    /// The system's own words, where there are some.
    public var reason: String?

    public init(_ kind: Kind, _ context: String, errno: Int32? = nil, reason: String? = nil) {
        self.kind = kind
        self.context = context
        self.errno = errno
        self.reason = reason
    }

    public var description: String {
        guard let reason else { return self.context }
        return "\(self.context): \(reason)"
    }
}
