// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// How far a target goes along with what initiators propose for their sessions. A target of its own mind offers less.
package struct SessionOffer: Sendable, Equatable {
    package var maxConnections: UInt32
    package var errorRecoveryLevel: UInt32

    package init(
        maxConnections: UInt32 = Limits.maxConnections, errorRecoveryLevel: UInt32 = Limits.errorRecoveryLevel
    ) {
        self.maxConnections = maxConnections
        self.errorRecoveryLevel = errorRecoveryLevel
    }
}
