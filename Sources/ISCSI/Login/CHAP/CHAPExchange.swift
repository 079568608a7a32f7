// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The target's side of CHAP (RFC 7143 §12.1.3), from the agreement on it to the initiator's proof.
///
///     awaiting list ──CHAP_A──► challenged ──CHAP_N CHAP_R──────────────► proven
///                    CHAP_A CHAP_I CHAP_C    CHAP_N CHAP_R CHAP_I CHAP_C   (answered by CHAP_N CHAP_R of our own)
///
/// The keys of a step come together in one request, as all its text is gathered before it is read. Every failure ends
/// the login with the same status, whatever was wrong; the reason goes to the operator alone, and says nothing of what
/// was sent.
struct CHAPExchange: Sendable {
    private let terms: CHAPTerms
    private let randomness: LoginRandomness
    private var phase = Phase.awaitingList

    private enum Phase: Sendable {
        case awaitingList
        case challenged(CHAPAlgorithm)
        case proven
    }

    struct Failure: Error, Equatable {
        var reason: String
    }

    init(_ terms: CHAPTerms, _ randomness: LoginRandomness) {
        self.terms = terms
        self.randomness = randomness
    }

    var isProven: Bool {
        if case .proven = self.phase { true } else { false }
    }

    static func isKey(_ name: String) -> Bool {
        name.hasPrefix("CHAP_")
    }

    /// Takes the CHAP keys of one request and returns those of its answer.
    mutating func received(_ pairs: [KeyValue]) throws(Failure) -> [KeyValue] {
        guard !pairs.isEmpty else { return [] }
        var values: [String: String] = [:]
        for pair in pairs {
            guard values.updateValue(pair.value, forKey: pair.key) == nil else {
                throw Failure(reason: "CHAP: \(pair.key) comes twice")
            }
        }
        switch self.phase {
        case .awaitingList:
            return try self.challenge(values)
        case .challenged(let algorithm):
            return try self.verify(values, algorithm)
        case .proven:
            throw Failure(reason: "CHAP: more keys after the exchange")
        }
    }

    private mutating func challenge(_ values: [String: String]) throws(Failure) -> [KeyValue] {
        guard Set(values.keys) == ["CHAP_A"], let list = values["CHAP_A"] else {
            throw Failure(reason: "CHAP: the exchange does not begin with CHAP_A")
        }
        guard let algorithm = CHAPAlgorithm.chosen(from: list, allowed: self.terms.algorithms) else {
            let allowed = self.terms.algorithms.map { String($0.rawValue) }.joined(separator: ",")
            throw Failure(reason: "CHAP: the initiator offers none of the algorithms \(allowed)")
        }
        self.phase = .challenged(algorithm)
        return [
            KeyValue("CHAP_A", "\(algorithm.rawValue)"),
            KeyValue("CHAP_I", "\(self.randomness.identifier)"),
            KeyValue("CHAP_C", BinaryValue.encode(self.challenge(for: algorithm))),
        ]
    }

    private func challenge(for algorithm: CHAPAlgorithm) -> [UInt8] {
        Array(self.randomness.challenge.prefix(algorithm.digestLength))
    }

    private mutating func verify(
        _ values: [String: String], _ algorithm: CHAPAlgorithm
    ) throws(Failure) -> [KeyValue] {
        let wantsProof = values["CHAP_I"] != nil || values["CHAP_C"] != nil
        guard Set(values.keys) == (wantsProof ? ["CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C"] : ["CHAP_N", "CHAP_R"]),
            let name = values["CHAP_N"], let text = values["CHAP_R"]
        else { throw Failure(reason: "CHAP: CHAP_N and CHAP_R, and CHAP_I with CHAP_C, belong together") }
        guard name.utf8.count <= Limits.chapValueLength else {
            throw Failure(reason: "CHAP: CHAP_N has more than \(Limits.chapValueLength) bytes")
        }
        guard let response = BinaryValue.parse(text, limit: Limits.chapValueLength),
            response.count == algorithm.digestLength
        else { throw Failure(reason: "CHAP: CHAP_R is no digest of algorithm \(algorithm.rawValue)") }
        let challenge = self.challenge(for: algorithm)
        let expected = algorithm.response(
            identifier: self.randomness.identifier, secret: self.terms.initiator.secret, challenge: challenge)
        // Both are looked at in any case, so that the time does not tell which of them was wrong.
        let isNamed = constantTimeEqual(Array(name.utf8), Array(self.terms.initiator.name.utf8))
        let isProof = constantTimeEqual(response, expected)
        guard isNamed, isProof else {
            throw Failure(reason: "CHAP: the initiator's \(isNamed ? "secret" : "user name") is not the one configured")
        }
        // RFC 7143 §9.2.1: with the same secret both ways, one side's answer could be taken from the other.
        if let own = self.terms.target, own.secret == self.terms.initiator.secret {
            throw Failure(reason: "CHAP: the secret is the same in both directions; configure two")
        }
        self.phase = .proven
        guard wantsProof else { return [] }
        return try self.prove(values, algorithm, challenge)
    }

    /// The target's own proof, which the initiator has asked for.
    private func prove(
        _ values: [String: String], _ algorithm: CHAPAlgorithm, _ ours: [UInt8]
    ) throws(Failure) -> [KeyValue] {
        guard let own = self.terms.target else {
            throw Failure(
                reason: "CHAP: the initiator wants the target to prove itself; set mutual_userid and mutual_password")
        }
        guard let identifier = values["CHAP_I"].flatMap(parseKeyNumber).flatMap({ UInt8(exactly: $0) }) else {
            throw Failure(reason: "CHAP: CHAP_I is no number from 0 to 255")
        }
        guard let challenge = values["CHAP_C"].flatMap({ BinaryValue.parse($0, limit: Limits.chapValueLength) }) else {
            throw Failure(reason: "CHAP: CHAP_C is no binary value of 1 to \(Limits.chapValueLength) bytes")
        }
        // RFC 7143 §9.2.1: a challenge that comes back is an attempt to have us answer it ourselves.
        guard !constantTimeEqual(challenge, ours) else {
            throw Failure(reason: "CHAP: the initiator sends our own challenge back")
        }
        let response = algorithm.response(identifier: identifier, secret: own.secret, challenge: challenge)
        return [KeyValue("CHAP_N", own.name), KeyValue("CHAP_R", BinaryValue.encode(response))]
    }
}
