// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

private import Crypto

/// The hash of a CHAP exchange, by its number in IANA's registry of PPP authentication algorithms. In the order in which
/// we choose from what an initiator offers: the hardest to break first. MD5, which RFC 7143 §12.1.3 wants every
/// initiator to offer, is what remains for firmware.
package enum CHAPAlgorithm: UInt8, Sendable, CaseIterable {
    case sha3256 = 8
    case sha256 = 7
    case sha1 = 6
    case md5 = 5

    static let longestDigest = 32

    /// Bytes of a response, and of the challenges that we send for it: RFC 1994 §4.1 wants them as long as the digest.
    var digestLength: Int {
        switch self {
        case .md5: 16
        case .sha1: 20
        case .sha256, .sha3256: 32
        }
    }

    /// The response: the digest of identifier, secret and challenge in this order (RFC 1994 §4.1).
    func response(identifier: UInt8, secret: CHAPSecret, challenge: [UInt8]) -> [UInt8] {
        let message = [identifier] + secret.bytes + challenge
        return switch self {
        case .md5: Array(Insecure.MD5.hash(data: message))
        case .sha1: Array(Insecure.SHA1.hash(data: message))
        case .sha256: Array(SHA256.hash(data: message))
        case .sha3256: Array(SHA3_256.hash(data: message))
        }
    }

    /// The best of `allowed` that stands in a CHAP_A list (RFC 7143 §12.1.3); nil where none does.
    static func chosen(from list: String, allowed: [CHAPAlgorithm]) -> CHAPAlgorithm? {
        let offered = list.split(separator: ",", omittingEmptySubsequences: false).map { parseKeyNumber(String($0)) }
        return allowed.first { offered.contains(UInt32($0.rawValue)) }
    }
}
