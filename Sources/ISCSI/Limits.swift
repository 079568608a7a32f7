// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Every bound of this module, with its reason. A peer that passes one is answered or dropped, never followed.
package enum Limits {
    /// The largest data segment that we accept, in bytes: what we declare as MaxRecvDataSegmentLength. Large enough that
    /// Linux's and libiscsi's writes come in few PDUs, small enough to be buffered for every connection.
    package static let maxRecvDataSegmentLength = 262_144

    /// A longer segment of Data-Out is handed on in pieces as it comes, each a multiple of this: whole pages, so that a
    /// store can write them at once, and no more: what a socket read brings beyond them is copied to wait for its rest.
    static let pieceLength = 4_096

    /// Before MaxRecvDataSegmentLength is declared its default holds (RFC 7143 §13.12), for the login phase throughout.
    package static let loginDataSegmentLength = 8_192

    /// The most we agree to as MaxBurstLength, in bytes: one burst of a write is buffered at most.
    package static let maxBurstLength = 1_048_576

    /// The most we agree to as FirstBurstLength, in bytes: unsolicited data is buffered without our having asked for it.
    package static let firstBurstLength = 262_144

    /// R2Ts of one task that may be outstanding.
    package static let maxOutstandingR2T: UInt32 = 16

    /// Bytes of Data-Out per connection over all tasks, asked for or come and not yet consumed, above which no further
    /// R2T is sent; at least one burst, so that every task gets its turn. A task whose data is gathered is counted as a
    /// whole when its first R2T is sent, and may pass this bound by its length.
    package static let solicitedBytes = 4 * Self.maxBurstLength

    /// Commands that a session may have outstanding: the command window.
    package static let commandWindow: UInt32 = 128

    /// Bytes that a connection keeps to be said again, at error recovery level 1 and above: statuses and Data-In that have
    /// not been acknowledged. Enough for a window of reads that all wait for their DataACK.
    static let retainedBytes = 16 * 1_048_576

    /// Numbered responses that a connection keeps until they are acknowledged. Every request acknowledges what came
    /// before, so that only an initiator that pipelines without reading comes near it.
    static let retainedStatuses = 4 * Int(Self.commandWindow)

    /// Pieces of one command's Data-Out that may have come before their turn: several bursts in PDUs of 512 bytes.
    static let earlyPieces = 8_192

    /// How often an R2T is sent again before its task is given up (LIO's dataout_timeout_retries).
    package static let r2tRetries = 5

    /// Connections that one session may have: what the field's hosts with the most paths use, and each is bounded itself.
    package static let maxConnections: UInt32 = 64

    /// The highest error recovery level that we agree to: tasks may move from one connection to another. There is none
    /// above it.
    package static let errorRecoveryLevel: UInt32 = 2

    /// How long tasks outlive the connection that they were allegiant to, at error recovery level 2, in seconds.
    package static let time2RetainSeconds: UInt32 = 20

    /// Immediate commands outstanding beyond the window; more are rejected (RFC 7143 §4.2.2.1 allows a target to).
    package static let immediateCommands = 16

    /// Immediate requests that are taken while so many responses wait for their turn (`ResponseFence`); more are rejected.
    static let heldResponses = Int(Self.commandWindow) + Self.immediateCommands

    /// Bursts that were asked for and whose tasks have been aborted; of more the oldest are forgotten, and what comes of
    /// them is then taken for what its tag says.
    static let abandonedTransfers = 4_096

    /// Text of one negotiation request or of one login stage, gathered over its PDUs, in bytes.
    package static let textLength = 65_536

    /// Login requests until a login must have ended; CHAP with every key in a PDU of its own needs fewer.
    package static let loginRequests = 64

    /// Bytes of a key's name (RFC 7143 §6.1).
    package static let keyNameLength = 63

    /// Bytes of a value: §6.1 asks for 255 unless stated otherwise, and CHAP's binary values may have 1,024 encoded.
    package static let longestValue = 8_192

    /// Bytes of a CHAP name, challenge or response, decoded (RFC 7143 §12.1.3 allows 1,024).
    package static let chapValueLength = 1_024

    /// What we agree to as iSCSIProtocolLevel: 2 is RFC 7143 with the task management of RFC 7144.
    package static let protocolLevel: UInt32 = 2

    /// Bytes of an iSCSI name (RFC 7143 §4.2.7.1).
    package static let nameLength = 223

    /// Bytes of an alias: the standard's 255 for any value.
    package static let aliasLength = 255

    /// Bytes of additional header segments: an extended CDB and a bidirectional read length fit.
    package static let additionalHeaderLength = 288
}
