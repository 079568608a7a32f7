// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// How the two sides' values of a key become one (RFC 7143 §6.2).
package enum CombiningRule: Sendable, Equatable {
    /// The first of the initiator's list that we have.
    case firstCommon([String])
    /// Yes only where both say Yes.
    case and(ours: Bool)
    /// Yes where either says Yes.
    case or(ours: Bool)
    case minimum(ours: UInt32, ClosedRange<UInt32>)
    case maximum(ours: UInt32, ClosedRange<UInt32>)
    /// A number that each side tells of itself; there is no answer to it.
    case declaredNumber(ClosedRange<UInt32>)
    /// Text that one side tells of itself; there is no answer to it.
    case declaredText
    /// Markers, which RFC 7143 §13.25 made obsolete: always answered with this value.
    case obsolete(String)
}

/// When a key may be sent.
package enum KeyPhase: Sendable {
    /// In the login's security stage.
    case security
    /// During login only.
    case login
    /// During login and in the full-feature phase.
    case any
    /// In the full-feature phase only.
    case fullFeature
}

/// Whether a key's value holds for one connection or for the whole session.
package enum KeyScope: Sendable {
    case connection
    case session
}

/// One row of the table of keys (RFC 7143 §13).
package struct KeyRow: Sendable {
    package let name: String
    /// The value in force where the key is never sent; nil where there is none.
    package let defaultValue: String?
    package let rule: CombiningRule
    package let phase: KeyPhase
    package let scope: KeyScope
    /// Whether the key says nothing in a discovery session.
    package let isIrrelevantToDiscovery: Bool

    /// Whether the key is negotiated on a session's first connection only; names may be told again.
    var isOfSession: Bool {
        self.scope == .session && self.rule != .declaredText
    }

    init(
        _ name: String, default defaultValue: String?, _ rule: CombiningRule, _ phase: KeyPhase,
        _ scope: KeyScope, irrelevantToDiscovery: Bool = false
    ) {
        self.name = name
        self.defaultValue = defaultValue
        self.rule = rule
        self.phase = phase
        self.scope = scope
        self.isIrrelevantToDiscovery = irrelevantToDiscovery
    }
}

/// Every key that RFC 7143 §12 and §13 define, with our side of it.
package enum KeyTable {
    package static let rows: [KeyRow] = [
        // §12 and §13.5 ff.: who is there, and how that is proved.
        // `Negotiation.authMethods` stands in for this list, as it depends on who logs in to what.
        KeyRow("AuthMethod", default: "None", .firstCommon(["None"]), .security, .connection),
        KeyRow("InitiatorName", default: nil, .declaredText, .login, .session),
        KeyRow("InitiatorAlias", default: nil, .declaredText, .any, .session),
        KeyRow("TargetName", default: nil, .declaredText, .login, .session),
        KeyRow("SessionType", default: "Normal", .declaredText, .login, .session),

        // §13.1: digests. CRC32C costs little with the processor's instructions, but the initiator decides.
        KeyRow("HeaderDigest", default: "None", .firstCommon(["CRC32C", "None"]), .login, .connection),
        KeyRow("DataDigest", default: "None", .firstCommon(["CRC32C", "None"]), .login, .connection),

        KeyRow(
            "MaxConnections", default: "1", .minimum(ours: Limits.maxConnections, 1...65_535), .login, .session,
            irrelevantToDiscovery: true),
        KeyRow("InitialR2T", default: "Yes", .or(ours: false), .login, .session, irrelevantToDiscovery: true),
        KeyRow("ImmediateData", default: "Yes", .and(ours: true), .login, .session, irrelevantToDiscovery: true),
        KeyRow(
            "MaxRecvDataSegmentLength", default: "8192", .declaredNumber(Self.segmentLengths), .any, .connection),
        KeyRow(
            "MaxBurstLength", default: "262144",
            .minimum(ours: UInt32(Limits.maxBurstLength), 512...16_777_215), .login, .session,
            irrelevantToDiscovery: true),
        KeyRow(
            "FirstBurstLength", default: "65536",
            .minimum(ours: UInt32(Limits.firstBurstLength), 512...16_777_215), .login, .session,
            irrelevantToDiscovery: true),
        KeyRow("DefaultTime2Wait", default: "2", .maximum(ours: 0, 0...3_600), .login, .session),
        KeyRow(
            "DefaultTime2Retain", default: "20", .minimum(ours: 3_600, 0...3_600), .login, .session),
        KeyRow(
            "MaxOutstandingR2T", default: "1", .minimum(ours: Limits.maxOutstandingR2T, 1...65_535), .login,
            .session, irrelevantToDiscovery: true),
        KeyRow("DataPDUInOrder", default: "Yes", .or(ours: false), .login, .session, irrelevantToDiscovery: true),
        KeyRow(
            "DataSequenceInOrder", default: "Yes", .or(ours: false), .login, .session, irrelevantToDiscovery: true),
        KeyRow("ErrorRecoveryLevel", default: "0", .minimum(ours: Limits.errorRecoveryLevel, 0...2), .login, .session),
        KeyRow(
            "TaskReporting", default: "RFC3720", .firstCommon(TaskReporting.allCases.map(\.rawValue)), .login,
            .session, irrelevantToDiscovery: true),
        KeyRow(
            "iSCSIProtocolLevel", default: "1", .minimum(ours: Limits.protocolLevel, 0...31), .login, .session,
            irrelevantToDiscovery: true),

        // §13.25: markers went with RFC 3720.
        KeyRow("IFMarker", default: "No", .obsolete("No"), .login, .connection),
        KeyRow("OFMarker", default: "No", .obsolete("No"), .login, .connection),
        KeyRow("IFMarkInt", default: nil, .obsolete("Reject"), .login, .connection),
        KeyRow("OFMarkInt", default: nil, .obsolete("Reject"), .login, .connection),

        // §13.26: what the initiator runs on, for the log.
        KeyRow("X#NodeArchitecture", default: nil, .declaredText, .login, .session),

        KeyRow("SendTargets", default: nil, .declaredText, .fullFeature, .session),
    ]

    /// What MaxRecvDataSegmentLength may be, in bytes (RFC 7143 §13.12).
    package static let segmentLengths: ClosedRange<UInt32> = 512...16_777_215

    /// The row of `name`.
    package static func row(_ name: String) -> KeyRow? {
        Self.byName[name]
    }

    private static let byName = Dictionary(uniqueKeysWithValues: Self.rows.map { ($0.name, $0) })
}
