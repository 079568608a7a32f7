// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Negotiates one connection's keys: theirs come in, ours combine with them, the agreed value is kept and answered.
///
/// An initiator proposes, we answer each proposal once (RFC 7143 §6.2). Of our own accord we declare only
/// MaxRecvDataSegmentLength; for every key that the initiator leaves out, the table's default is in force.
package struct Negotiation: Sendable {
    /// What is in force so far.
    package private(set) var agreed = OperationalParameters()
    /// Keys that have been negotiated: a key may be negotiated once (RFC 7143 §6.2).
    private var seen: [String: String] = [:]
    private var hasDeclaredSegmentLength = false
    private let isDiscovery: Bool
    /// Our list of AuthMethod.
    var authMethods = ["None"]
    /// Whether this is a session's first connection, which agrees on what holds for all.
    private let isLeading: Bool
    private let offer: SessionOffer
    /// What the keys that others depend on will be, once the request that is being answered has been gone through.
    private var foreseen = OperationalParameters()

    package init(isDiscovery: Bool = false, isLeading: Bool = true, offer: SessionOffer = SessionOffer()) {
        self.isDiscovery = isDiscovery
        self.isLeading = isLeading
        self.offer = offer
    }

    /// Looks at all `pairs` of a request before any of them is answered: some answers depend on later pairs.
    package mutating func foresee(_ pairs: [KeyValue]) {
        var ahead = self
        for pair in pairs where ["ErrorRecoveryLevel", "DataSequenceInOrder"].contains(pair.key) {
            _ = try? ahead.received(pair)
        }
        self.foreseen = ahead.agreed
    }

    /// The most that we agree to for reasons of this session, where the table's bound is a general one.
    private func bound(_ key: String) -> UInt32 {
        switch key {
        case "ErrorRecoveryLevel" where self.isDiscovery: 0
        // Nothing of a connection outlives it below level 2, so nothing is retained.
        case "DefaultTime2Retain" where self.foreseen.errorRecoveryLevel < 2: 0
        case "MaxOutstandingR2T" where self.foreseen.recoversOneSequenceAtATime: 1
        default: self.offer.number(key) ?? .max
        }
    }

    /// The initiator broke the rules of negotiation; the login fails.
    package enum Violation: Error, Equatable {
        case repeatedKey(String)
    }

    /// Takes the initiator's `pair` and returns our answer; nil for a declaration, which has none.
    package mutating func received(_ pair: KeyValue) throws(Violation) -> KeyValue? {
        guard let row = KeyTable.row(pair.key) else {
            // Vendor keys (X-, X#) as well as mistyped ones (RFC 7143 §6.2).
            return KeyValue(pair.key, "NotUnderstood")
        }
        if let earlier = self.seen.updateValue(pair.value, forKey: pair.key) {
            // libiscsi 1.19 names itself and its target again when it wanted CHAP and got None.
            guard row.rule == .declaredText, earlier == pair.value else { throw .repeatedKey(pair.key) }
            return nil
        }
        // Answers to what we never proposed mean nothing.
        if ["NotUnderstood", "Irrelevant", "Reject"].contains(pair.value) { return nil }
        if self.isDiscovery, row.isIrrelevantToDiscovery { return KeyValue(pair.key, "Irrelevant") }
        // What holds for the session was agreed on its first connection (RFC 7143 §13, "Leading Only").
        if !self.isLeading, row.isOfSession { return KeyValue(pair.key, "Irrelevant") }
        return self.combine(row, pair.value)
    }

    /// Takes a proposal of the full-feature phase, where only the keys of phase `.any` may change, and again.
    package mutating func receivedInFullFeaturePhase(_ pair: KeyValue) -> KeyValue? {
        guard let row = KeyTable.row(pair.key) else { return KeyValue(pair.key, "NotUnderstood") }
        guard row.phase == .any else { return KeyValue(pair.key, "Reject") }
        return self.combine(row, pair.value)
    }

    /// Our declaration of MaxRecvDataSegmentLength, the first time that it is asked for.
    package mutating func declaration() -> KeyValue? {
        guard !self.hasDeclaredSegmentLength else { return nil }
        self.hasDeclaredSegmentLength = true
        return KeyValue("MaxRecvDataSegmentLength", "\(self.offer.declaredSegmentLength)")
    }

    private mutating func combine(_ row: KeyRow, _ value: String) -> KeyValue? {
        let outcome: String
        switch row.rule {
        case .declaredText:
            return nil
        case .declaredNumber(let range):
            guard let number = parseKeyNumber(value), range.contains(number) else {
                return KeyValue(row.name, "Reject")
            }
            self.agreed.set(row.name, "\(number)")
            return nil
        case .obsolete(let answer):
            return KeyValue(row.name, answer)
        case .firstCommon(let listed):
            let ours = row.name == "AuthMethod" ? self.authMethods : self.offer.digests(row.name) ?? listed
            let common = value.split(separator: ",").lazy.map(String.init).first { ours.contains($0) }
            guard let common else { return KeyValue(row.name, "Reject") }
            outcome = common
        case .and(let ours):
            guard let theirs = Self.boolean(value) else { return KeyValue(row.name, "Reject") }
            outcome = self.offer.boolean(row.name) ?? ours && theirs ? "Yes" : "No"
        case .or(let ours):
            guard let theirs = Self.boolean(value) else { return KeyValue(row.name, "Reject") }
            outcome = self.offer.boolean(row.name) ?? ours || theirs ? "Yes" : "No"
        case .minimum(let ours, let range):
            guard let theirs = parseKeyNumber(value), range.contains(theirs) else {
                return KeyValue(row.name, "Reject")
            }
            outcome = "\(min(ours, theirs, self.bound(row.name)))"
        case .maximum(let ours, let range):
            guard let theirs = parseKeyNumber(value), range.contains(theirs) else {
                return KeyValue(row.name, "Reject")
            }
            outcome = "\(max(self.offer.number(row.name) ?? ours, theirs))"
        }
        self.agreed.set(row.name, outcome)
        return KeyValue(row.name, outcome)
    }

    private static func boolean(_ value: String) -> Bool? {
        switch value {
        case "Yes": true
        case "No": false
        default: nil
        }
    }

    /// A digest without which the target lets nobody in, and that was not agreed on; nil where all is well.
    package var missingDigest: String? {
        guard !self.isDiscovery else { return nil }
        if !self.agreed.headerDigest, !self.offer.headerDigests.contains("None") { return "HeaderDigest=CRC32C" }
        if !self.agreed.dataDigest, !self.offer.dataDigests.contains("None") { return "DataDigest=CRC32C" }
        return nil
    }

    /// What is in force when the login ends: bursts that do not contradict each other (RFC 7143 §13.14).
    package var final: OperationalParameters {
        var parameters = self.agreed
        parameters.maxRecvDataSegmentLength = self.offer.declaredSegmentLength
        parameters.maxXmitDataSegmentLength = Int(self.offer.maxXmitDataSegmentLength)
        parameters.initiatorMaxRecvDataSegmentLength = min(
            parameters.initiatorMaxRecvDataSegmentLength, parameters.maxXmitDataSegmentLength)
        parameters.firstBurstLength = min(parameters.firstBurstLength, parameters.maxBurstLength)
        parameters.commandWindow = min(max(1, self.offer.commandWindow), Limits.commandWindow)
        if parameters.recoversOneSequenceAtATime { parameters.maxOutstandingR2T = 1 }
        return parameters
    }
}
