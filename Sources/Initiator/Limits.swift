// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore

/// Every bound of the initiator, with its reason.
package enum InitiatorLimits {
    /// Bytes of one socket read: the answers of a deep queue, and still in the core's cache.
    static let receiveBufferBytes = 262_144

    /// How long a target may take to accept a connection, and to answer a login.
    static let connectTime = TimeAmount.seconds(10)
    static let loginTime = TimeAmount.seconds(15)

    /// How long a command may take before its session is given up: longer than a disk's own retries.
    static let commandTime = TimeAmount.seconds(60)

    /// How often a target may send us elsewhere before we take it for a circle.
    static let redirections = 4

    /// How often a command that met a unit attention is sent again: one for each that a new session may find.
    static let unitAttentions = 8

    /// Logins under way at once when many sessions are opened: fewer than a target's backlog.
    static let loginsAtOnce = 64

    /// Sessions that a measurement may have: each needs a descriptor and an ISID of its own.
    package static let sessions = 16_000

    /// Commands that one session may have under way; no target's window is larger.
    package static let depth = 4_096

    /// Bytes of one command: what every target takes in one transfer.
    package static let commandBytes = 16 * 1_048_576

    /// Text that a target may answer to SendTargets, in bytes: some ten thousand targets.
    static let textBytes = 4 * 1_048_576

    /// Bytes of one WRITE of an image, and commands of it under way: a connection is full, and little is lost with it.
    static let deployedBytes = 1_048_576
    static let deployedAtOnce = 8

    /// Bytes of one WRITE SAME: targets that write zeroes block by block need time for them.
    static let zeroedBytes = 32 * 1_048_576

    /// Seconds before each try to reach a target that went away: three minutes in all, as long as a restart takes.
    static let reconnectionPauses: [Int] = [0, 1, 2, 4, 8] + [Int](repeating: 15, count: 11)

    /// How often a command that met a busy unit is sent again, and the pause before that.
    static let busyTries = 100
    static let busyPause = Duration.milliseconds(100)
}
