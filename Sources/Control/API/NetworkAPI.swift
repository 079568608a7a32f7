// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Certificates
import ControlAPI
import FoundationEssentials
import Glibc
package import Model
import NIOCore
import NIOSSL

/// Where the API is served by TCP, and how it shows who it is.
package struct NetworkAPI: Sendable {
    package enum Protection: Sendable {
        /// TLS with a certificate of an authority of this host's own, made where there is none.
        case ownAuthority
        /// TLS with the certificates (the server's first) and the private key in these PEM files.
        case files(certificate: String, key: String)
        /// None: for the host itself.
        case none
    }

    package var address: PortalAddress
    package var protection: Protection

    /// Nil where it would be reached from elsewhere without TLS.
    package init?(address: PortalAddress, protection: Protection) {
        if case .none = protection, !address.address.isLoopback { return nil }
        self.address = address
        self.protection = protection
    }
}

/// What is in force of a `NetworkAPI`.
struct NetworkIdentity {
    /// Nil without TLS.
    var tls: TLSConfiguration?
    /// The authority's file that clients need to trust it; nil where the certificate is the user's.
    var authorityPath: String?
    /// Of the authority, or of the user's certificate.
    var fingerprint: String?

    init(_ api: NetworkAPI, stateFolder: String) throws {
        switch api.protection {
        case .none: break
        case .files(let certificate, let key):
            let text = try Self.text(certificate, "the API's certificate")
            try self.set(
                CertificateAuthority.Credentials(certificate: text, key: Self.text(key, "the certificate's key")),
                "\(certificate) and \(key)")
            self.fingerprint = try Self.reading(certificate) { try Fingerprint.of(certificate: text) }
        case .ownAuthority:
            let folder = AuthorityFolder(stateFolder: stateFolder)
            let authority = try folder.authority()
            let names = Self.names(listeningAt: api.address.address)
            try self.set(
                authority.issue(for: names, commonName: Self.hostName, now: Date()), folder.certificatePath)
            self.authorityPath = folder.certificatePath
            self.fingerprint = try Fingerprint.of(certificate: authority.credentials.certificate)
        }
    }

    private mutating func set(_ credentials: CertificateAuthority.Credentials, _ place: String) throws {
        try Self.reading(place) {
            let chain = try NIOSSLCertificate.fromPEMBytes(Array(credentials.certificate.utf8))
            let key = try NIOSSLPrivateKey(bytes: Array(credentials.key.utf8), format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            // A key that is not the certificate's is noticed here, not by the first client.
            _ = try NIOSSLContext(configuration: configuration)
            self.tls = configuration
        }
    }

    private static func text(_ path: String, _ what: String) throws(FileProblem) -> String {
        do {
            return String(buffer: try SystemFiles.read(path))
        } catch {
            throw FileProblem("read \(what), \(path)", error)
        }
    }

    private static func reading<Result>(_ path: String, _ body: () throws -> Result) throws(FileProblem) -> Result {
        do {
            return try body()
        } catch {
            throw FileProblem(
                .badContent,
                "\(path): no TLS certificate with its private key (\(error)); give both as unencrypted PEM")
        }
    }

    /// What clients may call this host by.
    private static func names(listeningAt address: IPAddress) -> [CertificateAuthority.Name] {
        var addresses: Set<[UInt8]> = [[127, 0, 0, 1], [UInt8](repeating: 0, count: 15) + [1]]
        if address.isUnspecified {
            let devices = (try? System.enumerateDevices()) ?? []
            for device in devices {
                // A scope, as in fe80::1%eth0, means nothing to others.
                let text = device.address?.ipAddress?.prefix { $0 != "%" }
                if let bytes = text.flatMap({ IPAddress(String($0)) })?.bytes { addresses.insert(bytes) }
            }
        } else {
            addresses.insert(address.bytes)
        }
        let hosts = Set(["localhost", Self.hostName]).sorted().map(CertificateAuthority.Name.host)
        return hosts + addresses.sorted { $0.lexicographicallyPrecedes($1) }.map(CertificateAuthority.Name.address)
    }

    private static var hostName: String {
        var name = [CChar](repeating: 0, count: Int(HOST_NAME_MAX) + 1)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Where this host's own authority is kept: `<state>/tls`.
struct AuthorityFolder {
    private let path: String

    init(stateFolder: String) {
        self.path = "\(stateFolder)/tls"
    }

    /// What others are given.
    var certificatePath: String { "\(self.path)/ca.crt" }
    private var keyPath: String { "\(self.path)/ca.key" }

    /// The one that is there, or a new one where there is none or its time is over.
    func authority() throws -> CertificateAuthority {
        let now = Date()
        if SystemFiles.exists(self.keyPath), let present = try self.present(), present.isValid(at: now) {
            return present
        }
        let authority = try CertificateAuthority(commonName: "Apus", now: now)
        let credentials = try authority.credentials
        do {
            try SystemFiles.makeFolder(self.path, mode: 0o750)
            try SystemFiles.write(credentials.certificate, to: self.certificatePath, mode: 0o644)
            // Last: with the key there, both are.
            try SystemFiles.write(credentials.key, to: self.keyPath, mode: 0o600)
        } catch {
            throw FileProblem("write the certificate authority in \(self.path)", error)
        }
        return authority
    }

    private func present() throws(FileProblem) -> CertificateAuthority? {
        do {
            return try CertificateAuthority(
                .init(
                    certificate: String(buffer: SystemFiles.read(self.certificatePath)),
                    key: String(buffer: SystemFiles.read(self.keyPath))))
        } catch {
            throw FileProblem(
                .badContent,
                "the certificate authority in \(self.path) cannot be used (\(error)); remove both files to get a new one"
            )
        }
    }
}
