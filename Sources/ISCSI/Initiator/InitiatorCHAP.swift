// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The initiator's side of CHAP, one-way (RFC 7143 §12.1.3): what algorithms it knows, then its answer to a challenge.
struct InitiatorCHAP: Sendable {
    /// In the order in which they are offered. SHA-256 comes last because tgt 1.0.85 takes its number for SHA1's; the
    /// others' numbers mean the same to every target.
    private static let offered: [CHAPAlgorithm] = [.sha3256, .sha1, .md5, .sha256]

    private let credentials: CHAPCredentials

    init(_ credentials: CHAPCredentials) {
        self.credentials = credentials
    }

    /// What begins the exchange.
    var algorithms: [KeyValue] {
        [KeyValue("CHAP_A", Self.offered.map { String($0.rawValue) }.joined(separator: ","))]
    }

    /// The answer to the target's challenge.
    func answer(_ theirs: [KeyValue]) throws(LoginFailure) -> [KeyValue] {
        func value(_ key: String) -> String? { theirs.first { $0.key == key }?.value }
        guard let number = value("CHAP_A").flatMap(parseKeyNumber), let algorithm = UInt8(exactly: number),
            let algorithm = CHAPAlgorithm(rawValue: algorithm)
        else { throw .authentication("the target chose none of the algorithms that were offered") }
        guard let identifier = value("CHAP_I").flatMap(parseKeyNumber), let identifier = UInt8(exactly: identifier),
            let text = value("CHAP_C"), let challenge = BinaryValue.parse(text, limit: Limits.chapValueLength)
        else { throw .authentication("the target's challenge is none") }
        let response = algorithm.response(
            identifier: identifier, secret: self.credentials.secret, challenge: challenge)
        return [KeyValue("CHAP_N", self.credentials.name), KeyValue("CHAP_R", BinaryValue.encode(response))]
    }
}
