// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What an initiator asks for when it logs in.
package struct LoginProposal: Sendable {
    package var initiatorName: String
    /// nil for a discovery session.
    package var targetName: String?
    package var isid: ISID
    package var headerDigest = false
    package var dataDigest = false
    package var initialR2T = false
    package var immediateData = true
    /// What we accept in one data segment, in bytes.
    package var maxRecvDataSegmentLength = Limits.maxRecvDataSegmentLength
    package var maxBurstLength = Limits.maxBurstLength
    package var firstBurstLength = Limits.firstBurstLength
    package var maxOutstandingR2T: UInt32 = 8
    /// What to prove ourselves with where the target wants that.
    package var credentials: CHAPCredentials?

    package init(initiatorName: String, targetName: String?, isid: ISID) {
        self.initiatorName = initiatorName
        self.targetName = targetName
        self.isid = isid
    }

    package var isDiscovery: Bool {
        self.targetName == nil
    }

    /// The keys that name both sides, which go with the first request (RFC 7143 §6.3).
    var identityPairs: [KeyValue] {
        var pairs = [KeyValue("InitiatorName", self.initiatorName)]
        if let targetName {
            pairs.append(KeyValue("TargetName", targetName))
        }
        pairs.append(KeyValue("SessionType", self.isDiscovery ? "Discovery" : "Normal"))
        return pairs
    }

    /// The keys of the operational stage. A discovery session has no use for those of data transfer.
    var operationalPairs: [KeyValue] {
        func yes(_ value: Bool) -> String { value ? "Yes" : "No" }
        var pairs = [
            // A digest that is wanted is not traded for none.
            KeyValue("HeaderDigest", self.headerDigest ? "CRC32C" : "None"),
            KeyValue("DataDigest", self.dataDigest ? "CRC32C" : "None"),
            KeyValue("MaxRecvDataSegmentLength", "\(self.maxRecvDataSegmentLength)"),
            KeyValue("DefaultTime2Wait", "2"),
            KeyValue("DefaultTime2Retain", "0"),
            KeyValue("ErrorRecoveryLevel", "0"),
        ]
        guard !self.isDiscovery else { return pairs }
        pairs += [
            KeyValue("MaxConnections", "1"),
            KeyValue("InitialR2T", yes(self.initialR2T)),
            KeyValue("ImmediateData", yes(self.immediateData)),
            KeyValue("MaxBurstLength", "\(self.maxBurstLength)"),
            KeyValue("FirstBurstLength", "\(self.firstBurstLength)"),
            KeyValue("MaxOutstandingR2T", "\(self.maxOutstandingR2T)"),
            KeyValue("DataPDUInOrder", "Yes"),
            KeyValue("DataSequenceInOrder", "Yes"),
        ]
        return pairs
    }
}

/// What both sides agreed on, and where their numbers stand when the full-feature phase begins.
package struct InitiatorAgreement: Sendable {
    package var parameters = OperationalParameters()
    /// The largest data segment that the target accepts, in bytes.
    package var targetMaxRecvDataSegmentLength = Limits.loginDataSegmentLength
    package var targetAlias: String?
    package var tsih: UInt16 = 0
    package var cmdSN: UInt32
    package var maxCmdSN: UInt32
    package var expStatSN: UInt32 = 0

    package init(firstCmdSN: UInt32) {
        self.cmdSN = firstCmdSN
        self.maxCmdSN = firstCmdSN
    }
}

/// Why a login came to nothing.
package enum LoginFailure: Error, Sendable, Equatable {
    /// The target said so: Status-Class and Status-Detail (RFC 7143 §11.13.5).
    case refused(UInt16)
    /// The target is elsewhere: the address it gave.
    case moved(String)
    /// The target cannot be authenticated, or wants what we were not given.
    case authentication(String)
    /// The target does not offer what was asked for.
    case declined(String)
    /// The target broke the protocol.
    case violation(String)
}

extension LoginFailure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(let status):
            "the target refuses the login: \(Self.meaning(of: status))"
        case .moved(let address):
            "the target has moved to \(address)"
        case .authentication(let reason):
            "authentication: \(reason)"
        case .declined(let what):
            "the target does not offer \(what)"
        case .violation(let reason):
            "the target breaks the protocol: \(reason)"
        }
    }

    private static func meaning(of status: UInt16) -> String {
        switch LoginStatus(rawValue: status) {
        case .authenticationFailure: "user or secret is wrong, or is missing from the URL"
        case .authorizationFailure: "this initiator is not in the target's ACLs"
        case .targetNotFound: "it knows no target of that name"
        case .targetRemoved: "the target was removed"
        case .unsupportedVersion: "it does not speak this version of iSCSI"
        case .tooManyConnections: "there are too many connections"
        case .missingParameter: "it misses a parameter"
        case .sessionTypeNotSupported: "it does not offer this type of session"
        case .serviceUnavailable: "it is not available now"
        case .outOfResources: "it is out of resources"
        default: "status " + String(status, radix: 16)
        }
    }
}
