// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A portal group's parameters: what its target says when a session is negotiated (RFC 7143 §13), under LIO's names.
package struct ServedParameters: Hashable, Sendable {
    /// `CRC32C`, `None`, or both.
    package var headerDigests: [String]
    package var dataDigests: [String]
    package var maxConnections: UInt32
    package var errorRecoveryLevel: UInt32
    package var initialR2T: Bool
    package var immediateData: Bool
    package var dataPDUInOrder: Bool
    package var dataSequenceInOrder: Bool
    package var maxOutstandingR2T: UInt32
    /// Bytes.
    package var maxBurstLength: UInt32
    package var firstBurstLength: UInt32
    package var maxRecvDataSegmentLength: UInt32
    package var maxXmitDataSegmentLength: UInt32
    /// Seconds.
    package var defaultTime2Wait: UInt32
    package var defaultTime2Retain: UInt32
    /// Commands that a session may have outstanding (`default_cmdsn_depth`); nil for as many as any other.
    package var commandWindow: UInt32?
}

/// What a parameter may be.
enum ParameterKind: Hashable {
    case number(ClosedRange<UInt32>)
    case boolean
    /// One or several of these words, with commas between them.
    case words(Set<String>)
    /// This alone: what the standard has done away with.
    case only(String)
    /// An alias (RFC 7143 §13.7).
    case text

    private static let segmentLengths: ClosedRange<UInt32> = 512...16_777_215
    private static let digests = ParameterKind.words(["CRC32C", "None"])

    /// The ranges are RFC 7143's (§13).
    static let all: [String: ParameterKind] = [
        "AuthMethod": .words(["CHAP", "None"]), "HeaderDigest": Self.digests, "DataDigest": Self.digests,
        "MaxConnections": .number(1...65_535), "ErrorRecoveryLevel": .number(0...2),
        "MaxOutstandingR2T": .number(1...65_535), "InitialR2T": .boolean, "ImmediateData": .boolean,
        "DataPDUInOrder": .boolean, "DataSequenceInOrder": .boolean,
        "MaxBurstLength": .number(Self.segmentLengths), "FirstBurstLength": .number(Self.segmentLengths),
        "MaxRecvDataSegmentLength": .number(Self.segmentLengths),
        "MaxXmitDataSegmentLength": .number(Self.segmentLengths),
        "DefaultTime2Wait": .number(0...3_600), "DefaultTime2Retain": .number(0...3_600),
        "IFMarker": .only("No"), "OFMarker": .only("No"), "IFMarkInt": .only("Reject"), "OFMarkInt": .only("Reject"),
        "TargetAlias": .text,
    ]

    func allows(_ value: String) -> Bool {
        switch self {
        case .number(let range): UInt32(value).map(range.contains) ?? false
        case .boolean: value == "Yes" || value == "No"
        case .words(let words):
            Self.list(value).allSatisfy(words.contains) && Set(Self.list(value)).count == Self.list(value).count
        case .only(let word): value == word
        case .text: value.utf8.count <= Limits.aliasBytes
        }
    }

    var remedy: String {
        switch self {
        case .number(let range): "write a number from \(range.lowerBound) to \(range.upperBound)"
        case .boolean: "write Yes or No"
        case .words(let words): "write \(words.sorted().joined(separator: ", ")), or both with a comma between them"
        case .only(let word): "write \(word): RFC 7143 has done away with markers"
        case .text: "write at most \(Limits.aliasBytes) bytes"
        }
    }

    static func list(_ text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
}

extension PortalGroup {
    /// A parameter as it is in force: what is set, if that can be, or else the default.
    func parameter(_ name: String) -> String {
        let fallback = TreeSettings.portalGroupParameters[name] ?? ""
        guard let text = self.parameters?[name]?.plainText, ParameterKind.all[name]?.allows(text) ?? false else {
            return fallback
        }
        return text
    }
}

extension PortalGroup {
    /// What `default_cmdsn_depth` says; rtslib writes its default out, which is nobody's wish.
    fileprivate var commandDepth: UInt32? {
        let name = "default_cmdsn_depth"
        guard let depth = self.attributes?[name]?.plainText.flatMap({ UInt32($0) }), depth > 0,
            "\(depth)" != TreeSettings.portalGroupAttributes[name]
        else { return nil }
        return depth
    }
}

extension ServedParameters {
    init(_ group: PortalGroup) {
        func number(_ name: String) -> UInt32 { UInt32(group.parameter(name)) ?? 0 }
        func isYes(_ name: String) -> Bool { group.parameter(name) == "Yes" }
        self.init(
            headerDigests: ParameterKind.list(group.parameter("HeaderDigest")),
            dataDigests: ParameterKind.list(group.parameter("DataDigest")),
            maxConnections: number("MaxConnections"), errorRecoveryLevel: number("ErrorRecoveryLevel"),
            initialR2T: isYes("InitialR2T"), immediateData: isYes("ImmediateData"),
            dataPDUInOrder: isYes("DataPDUInOrder"), dataSequenceInOrder: isYes("DataSequenceInOrder"),
            maxOutstandingR2T: number("MaxOutstandingR2T"), maxBurstLength: number("MaxBurstLength"),
            firstBurstLength: number("FirstBurstLength"),
            maxRecvDataSegmentLength: number("MaxRecvDataSegmentLength"),
            maxXmitDataSegmentLength: number("MaxXmitDataSegmentLength"),
            defaultTime2Wait: number("DefaultTime2Wait"), defaultTime2Retain: number("DefaultTime2Retain"),
            commandWindow: group.commandDepth)
    }
}

extension Validation {
    mutating func checkParameters(of group: PortalGroup, at path: String) {
        let place = "\(path).parameters"
        for (name, value) in (group.parameters ?? [:]).sorted(by: { $0.key < $1.key }) {
            // Parameters that only LIO knows are kept.
            guard let kind = ParameterKind.all[name], let text = value.plainText else { continue }
            // An AuthMethod that is empty means either.
            if text.isEmpty, ["AuthMethod", "TargetAlias"].contains(name) { continue }
            guard !kind.allows(text) else { continue }
            self.error("\(place).\(name)", "\(name) cannot be '\(text)'", kind.remedy)
        }
        guard let first = group.parameters?["FirstBurstLength"]?.plainText.flatMap({ UInt32($0) }),
            let longest = UInt32(group.parameter("MaxBurstLength")), first > longest
        else { return }
        self.warn(
            "\(place).FirstBurstLength", "no burst is longer than MaxBurstLength, \(longest)",
            "set the one lower or the other higher")
    }
}
