// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Crypto
import CryptoExtras
package import FoundationEssentials
import SwiftASN1
import X509

/// A certificate authority of this host's own: what others are given once, to trust all that the host serves by TLS.
///
/// Its keys are RSA ones: what the TLS of every firmware knows, too.
package struct CertificateAuthority: Sendable {
    private let certificate: Certificate
    private let key: Certificate.PrivateKey

    /// Whom a certificate is for.
    package enum Name: Hashable, Sendable {
        case host(String)
        /// 4 or 16 bytes in network order.
        case address([UInt8])
    }

    /// A certificate with its private key, both as PEM (RFC 7468).
    package struct Credentials: Sendable {
        package var certificate: String
        package var key: String

        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// Makes one with a new key, valid from the day before `now` (clocks differ) for ten years.
    package init(commonName: String, now: Date) throws {
        let key = try Certificate.PrivateKey(_RSA.Signing.PrivateKey(keySize: .bits2048))
        let name = try DistinguishedName { CommonName(commonName) }
        self.key = key
        self.certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: now - Self.daySeconds, notValidAfter: now + Self.validitySeconds, issuer: name,
            subject: name, signatureAlgorithm: .sha256WithRSAEncryption,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
            },
            issuerPrivateKey: key)
    }

    /// Reads what `credentials` wrote.
    package init(_ credentials: Credentials) throws {
        self.certificate = try Certificate(pemEncoded: credentials.certificate)
        self.key = try Certificate.PrivateKey(pemEncoded: credentials.key)
    }

    package var credentials: Credentials {
        get throws {
            Credentials(
                certificate: try self.certificate.serializeAsPEM().pemString + "\n",
                key: try self.key.serializeAsPEM().pemString + "\n")
        }
    }

    /// Whether it can be trusted at `now`.
    package func isValid(at now: Date) -> Bool {
        self.certificate.notValidBefore <= now && now < self.certificate.notValidAfter
    }

    /// A certificate for a server of these names, with a key of its own; it ends with the authority's.
    package func issue(for names: [Name], commonName: String, now: Date) throws -> Credentials {
        let key = try Certificate.PrivateKey(_RSA.Signing.PrivateKey(keySize: .bits2048))
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: max(now - Self.daySeconds, self.certificate.notValidBefore),
            notValidAfter: self.certificate.notValidAfter, issuer: self.certificate.subject,
            subject: DistinguishedName { CommonName(commonName) }, signatureAlgorithm: .sha256WithRSAEncryption,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true, keyEncipherment: true))
                try ExtendedKeyUsage([.serverAuth])
                SubjectAlternativeNames(names.map(\.generalName))
                AuthorityKeyIdentifier(
                    keyIdentifier: try self.certificate.extensions.subjectKeyIdentifier?.keyIdentifier)
            },
            issuerPrivateKey: self.key)
        return Credentials(
            certificate: try certificate.serializeAsPEM().pemString + "\n",
            key: try key.serializeAsPEM().pemString + "\n")
    }

    private static let daySeconds = 86_400.0
    private static let validitySeconds = 10 * 365 * 86_400.0
}

extension CertificateAuthority.Name {
    fileprivate var generalName: GeneralName {
        switch self {
        case .host(let name): .dnsName(name)
        case .address(let bytes): .ipAddress(ASN1OctetString(contentBytes: bytes[...]))
        }
    }
}

/// The SHA-256 of a certificate, as people compare it: `AB:CD:…`.
package enum Fingerprint {
    /// Of the first certificate in a PEM text.
    package static func of(certificate pem: String) throws -> String {
        let document = try PEMDocument.parseMultiple(pemString: pem).first { $0.discriminator == "CERTIFICATE" }
        guard let document else { throw ASN1Error.invalidPEMDocument(reason: "it has no certificate") }
        return SHA256.hash(data: document.derBytes).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return byte < 16 ? "0" + digits : digits
        }.joined(separator: ":")
    }
}
