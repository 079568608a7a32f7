// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The operational parameters in force on a connection and its session (RFC 7143 §13), once agreed.
package struct OperationalParameters: Sendable, Equatable {
    package var headerDigest = false
    package var dataDigest = false
    package var maxConnections: UInt32 = 1
    package var initialR2T = true
    package var immediateData = true
    /// The largest data segment that the initiator is sent, in bytes: what it accepts, unless the target wants less.
    package var initiatorMaxRecvDataSegmentLength = 8_192
    /// The largest data segment that we accept, in bytes.
    package var maxRecvDataSegmentLength = Limits.maxRecvDataSegmentLength
    /// The largest data segment that we send to whoever accepts more, in bytes.
    var maxXmitDataSegmentLength = Int(KeyTable.segmentLengths.upperBound)
    package var maxBurstLength = 262_144
    package var firstBurstLength = 65_536
    package var defaultTime2WaitSeconds: UInt32 = 2
    package var defaultTime2RetainSeconds: UInt32 = 20
    package var maxOutstandingR2T: UInt32 = 1
    package var dataPDUInOrder = true
    package var dataSequenceInOrder = true
    package var errorRecoveryLevel: UInt32 = 0
    package var protocolLevel: UInt32 = 1
    package var taskReporting = TaskReporting.rfc3720
    /// Commands that the session may have outstanding: what is not agreed but given, by MaxCmdSN.
    package var commandWindow = Limits.commandWindow

    package init() {}

    /// Recovery of sequences that come in order can reach back to the last of them only, so that there may be but one
    /// R2T outstanding (RFC 7143 §13.19).
    var recoversOneSequenceAtATime: Bool {
        self.errorRecoveryLevel > 0 && self.dataSequenceInOrder
    }

    /// These parameters on another connection of the session: what holds for a connection alone is taken from `other`.
    package func joined(by other: OperationalParameters) -> OperationalParameters {
        var parameters = self
        parameters.headerDigest = other.headerDigest
        parameters.dataDigest = other.dataDigest
        parameters.initiatorMaxRecvDataSegmentLength = other.initiatorMaxRecvDataSegmentLength
        parameters.maxRecvDataSegmentLength = other.maxRecvDataSegmentLength
        parameters.maxXmitDataSegmentLength = other.maxXmitDataSegmentLength
        return parameters
    }

    /// Takes over an agreed value; a key that stands for no parameter changes nothing.
    mutating func set(_ key: String, _ value: String) {
        let yes = value == "Yes"
        let number = UInt32(value) ?? 0
        switch key {
        case "HeaderDigest": self.headerDigest = value == "CRC32C"
        case "DataDigest": self.dataDigest = value == "CRC32C"
        case "MaxConnections": self.maxConnections = number
        case "InitialR2T": self.initialR2T = yes
        case "ImmediateData": self.immediateData = yes
        case "MaxRecvDataSegmentLength": self.initiatorMaxRecvDataSegmentLength = Int(number)
        case "MaxBurstLength": self.maxBurstLength = Int(number)
        case "FirstBurstLength": self.firstBurstLength = Int(number)
        case "DefaultTime2Wait": self.defaultTime2WaitSeconds = number
        case "DefaultTime2Retain": self.defaultTime2RetainSeconds = number
        case "MaxOutstandingR2T": self.maxOutstandingR2T = number
        case "DataPDUInOrder": self.dataPDUInOrder = yes
        case "DataSequenceInOrder": self.dataSequenceInOrder = yes
        case "ErrorRecoveryLevel": self.errorRecoveryLevel = number
        case "iSCSIProtocolLevel": self.protocolLevel = number
        case "TaskReporting": self.taskReporting = TaskReporting(rawValue: value) ?? .rfc3720
        default: break
        }
    }

    /// The parameters in their wire spelling, for status displays.
    package var keyValues: [String: String] {
        [
            "HeaderDigest": self.headerDigest ? "CRC32C" : "None",
            "DataDigest": self.dataDigest ? "CRC32C" : "None",
            "MaxConnections": "\(self.maxConnections)",
            "InitialR2T": self.initialR2T ? "Yes" : "No",
            "ImmediateData": self.immediateData ? "Yes" : "No",
            "MaxRecvDataSegmentLength": "\(self.initiatorMaxRecvDataSegmentLength)",
            "MaxBurstLength": "\(self.maxBurstLength)",
            "FirstBurstLength": "\(self.firstBurstLength)",
            "DefaultTime2Wait": "\(self.defaultTime2WaitSeconds)",
            "DefaultTime2Retain": "\(self.defaultTime2RetainSeconds)",
            "MaxOutstandingR2T": "\(self.maxOutstandingR2T)",
            "DataPDUInOrder": self.dataPDUInOrder ? "Yes" : "No",
            "DataSequenceInOrder": self.dataSequenceInOrder ? "Yes" : "No",
            "ErrorRecoveryLevel": "\(self.errorRecoveryLevel)",
            "iSCSIProtocolLevel": "\(self.protocolLevel)",
            "TaskReporting": self.taskReporting.rawValue,
        ]
    }
}

/// How a target tells that tasks have ended (RFC 7143 §13.23).
package enum TaskReporting: String, Sendable, CaseIterable {
    /// Responses of a session's connections may overtake each other.
    case rfc3720 = "RFC3720"
    /// Those that say something of other tasks do not, and are not overtaken (`ResponseFence`).
    case responseFence = "ResponseFence"
    /// Beyond that, whoever loses tasks to task management is told at once to send no more of their data.
    case fastAbort = "FastAbort"
}
