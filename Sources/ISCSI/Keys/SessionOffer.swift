// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// How far a target goes along with what initiators propose for their sessions: our half of each key (RFC 7143 §13).
///
/// What is not said otherwise is all that we can. A target of its own mind offers less; the table of keys has the bounds
/// that hold for every target.
package struct SessionOffer: Sendable, Hashable {
    /// In our words, `CRC32C` and `None`; a login that ends without one of them fails.
    package var headerDigests: [String] = ["CRC32C", "None"]
    package var dataDigests: [String] = ["CRC32C", "None"]
    package var maxConnections: UInt32
    package var errorRecoveryLevel: UInt32
    /// Whether every write waits for an R2T.
    package var initialR2T = false
    package var immediateData = true
    package var dataPDUInOrder = false
    package var dataSequenceInOrder = false
    package var maxOutstandingR2T = Limits.maxOutstandingR2T
    /// Bytes.
    package var maxBurstLength = UInt32(Limits.maxBurstLength)
    package var firstBurstLength = UInt32(Limits.firstBurstLength)
    /// What we declare, in bytes.
    package var maxRecvDataSegmentLength = UInt32(Limits.maxRecvDataSegmentLength)
    /// The longest data segment that we send to an initiator that would take more, in bytes.
    package var maxXmitDataSegmentLength = KeyTable.segmentLengths.upperBound
    /// Seconds.
    package var defaultTime2Wait: UInt32 = 0
    package var defaultTime2Retain = Limits.time2RetainSeconds
    /// Commands that a session may have outstanding (LIO's default_cmdsn_depth).
    package var commandWindow = Limits.commandWindow

    package init(
        maxConnections: UInt32 = Limits.maxConnections, errorRecoveryLevel: UInt32 = Limits.errorRecoveryLevel
    ) {
        self.maxConnections = maxConnections
        self.errorRecoveryLevel = errorRecoveryLevel
    }

    /// The digests that are offered for a key; nil for keys of other kinds.
    func digests(_ key: String) -> [String]? {
        switch key {
        case "HeaderDigest": self.headerDigests
        case "DataDigest": self.dataDigests
        default: nil
        }
    }

    /// Our half of a key that is Yes or No; nil where the table's holds.
    func boolean(_ key: String) -> Bool? {
        switch key {
        case "InitialR2T": self.initialR2T
        case "ImmediateData": self.immediateData
        case "DataPDUInOrder": self.dataPDUInOrder
        case "DataSequenceInOrder": self.dataSequenceInOrder
        default: nil
        }
    }

    /// Our half of a number; nil where the table's holds.
    func number(_ key: String) -> UInt32? {
        switch key {
        case "MaxConnections": self.maxConnections
        case "ErrorRecoveryLevel": self.errorRecoveryLevel
        case "MaxOutstandingR2T": self.maxOutstandingR2T
        case "MaxBurstLength": self.maxBurstLength
        case "FirstBurstLength": self.firstBurstLength
        case "DefaultTime2Wait": self.defaultTime2Wait
        case "DefaultTime2Retain": self.defaultTime2Retain
        default: nil
        }
    }

    /// What we declare as MaxRecvDataSegmentLength, in bytes.
    var declaredSegmentLength: Int {
        min(Int(self.maxRecvDataSegmentLength), Limits.maxRecvDataSegmentLength)
    }
}
