// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Certificates
import FoundationEssentials
import Logging
import Model
import NIOCore
import SystemPackage
import Testing

@testable import Control
@testable import ControlAPI

@Suite("API by TCP")
struct NetworkAPITests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// Runs `body` with where the daemon's API is and what has to be known to use it.
    private func serving(
        _ protection: NetworkAPI.Protection = .ownAuthority,
        _ body: (APIStatus, _ token: String, Stage) async throws -> Void
    ) async throws {
        let stage = try Stage(Configuration(boot: Boot(services: services, clients: [disk("pc1", 1)])))
        try await stage.daemon.start()
        let address = PortalAddress(address: try #require(IPAddress("127.0.0.1")), port: 0)
        let network = try #require(NetworkAPI(address: address, protection: protection))
        let (running, begun) = AsyncStream.makeStream(of: Void.self)
        let api = try APIService(
            daemon: stage.daemon, network: network, stateFolder: stage.folder.path, logger: Self.quiet
        ) { begun.finish() }
        let task = Task { try await api.run() }
        for await _ in running {}
        let status = try #require(await stage.daemon.status().api)
        let token = String(buffer: try SystemFiles.read(stage.folder.path + "/api.token"))
        try await body(status, String(token.dropLast()), stage)
        await stage.daemon.stop()
        task.cancel()
        _ = await task.result
    }

    private func client(_ url: String, _ token: String, _ authority: String?) throws -> ControlClient {
        let address = try #require(ServerAddress(url))
        return ControlClient(.server(.init(address: address, token: token, authorityPath: authority)))
    }

    @Test func `with the token and the authority it is the API`() async throws {
        try await self.serving { status, token, stage in
            #expect(status.authorityPath == stage.folder.path + "/tls/ca.crt")
            #expect(status.fingerprint?.utf8.count == 95)
            let client = try self.client(status.url, token, status.authorityPath)
            #expect(try await client.status().api == status)
            let report = try await client.change(ChangeRequest(.addClient(disk("pc2", 2))))
            #expect(report.problems.isEmpty)
            // The certificate names the host, too.
            let byName = status.url.replacing("127.0.0.1", with: "localhost")
            #expect(try await self.client(byName, token, status.authorityPath).status().machines.count == 2)
        }
    }

    @Test(arguments: ["", "wrong", String(repeating: "0", count: 64)])
    func `without the token nothing is told or done`(token: String) async throws {
        try await self.serving { status, _, stage in
            let client = try self.client(status.url, token, status.authorityPath)
            let error = await #expect(throws: ControlError.self) {
                try await client.change(ChangeRequest(.removeClient(name: "pc1")))
            }
            #expect(error?.kind == .noPermission)
            #expect(error?.description.contains("token is missing or wrong") == true)
            #expect(try stage.onDisk().boot.clients.count == 1)
        }
    }

    @Test func `a certificate of an authority that is not trusted is refused`() async throws {
        try await self.serving { status, token, stage in
            let other = try CertificateAuthority(commonName: "other", now: Date())
            let path = stage.folder.path + "/other.crt"
            try SystemFiles.write(try other.credentials.certificate, to: path, mode: 0o600)
            let error = await #expect(throws: ControlError.self) {
                try await self.client(status.url, token, path).status()
            }
            #expect(error?.kind == .refused)
            #expect(error?.description.contains("not trusted") == true)
        }
    }

    @Test func `one's own certificate is served, one for another host refused`() async throws {
        let folder = try TemporaryFolder()
        let authority = try CertificateAuthority(commonName: "ours", now: Date())
        let (root, chain, key) = (folder.path + "/ca.crt", folder.path + "/chain.crt", folder.path + "/key")
        for (name, isGood) in [(CertificateAuthority.Name.address([127, 0, 0, 1]), true), (.host("elsewhere"), false)] {
            let server = try authority.issue(for: [name], commonName: "apus", now: Date())
            try SystemFiles.write(try authority.credentials.certificate, to: root, mode: 0o600)
            try SystemFiles.write(server.certificate, to: chain, mode: 0o600)
            try SystemFiles.write(server.key, to: key, mode: 0o600)
            try await self.serving(.files(certificate: chain, key: key)) { status, token, _ in
                #expect(status.authorityPath == nil)
                let fingerprint = try Fingerprint.of(certificate: server.certificate)
                #expect(status.fingerprint == fingerprint)
                let client = try self.client(status.url, token, root)
                if isGood {
                    #expect(try await client.status().machines.count == 1)
                } else {
                    let error = await #expect(throws: ControlError.self) { try await client.status() }
                    #expect(error?.kind == .refused)
                    #expect(error?.description.contains("for another host") == true)
                }
            }
        }
    }

    @Test func `files that are no certificate and key are refused in words`() throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/x.pem"
        let address = PortalAddress(address: try #require(IPAddress("::")), port: 8443)
        let network = try #require(NetworkAPI(address: address, protection: .files(certificate: path, key: path)))
        let missing = #expect(throws: FileProblem.self) { try NetworkIdentity(network, stateFolder: folder.path) }
        #expect(missing?.kind == .missing)
        try SystemFiles.write("nothing\n", to: path, mode: 0o600)
        let bad = #expect(throws: FileProblem.self) { try NetworkIdentity(network, stateFolder: folder.path) }
        #expect(bad?.kind == .badContent)
    }

    @Test func `without TLS it is served on loopback only`() async throws {
        try await self.serving(.none) { status, token, _ in
            #expect(status.url.hasPrefix("http://127.0.0.1:"))
            #expect(status.fingerprint == nil)
            let client = try self.client(status.url, token, nil)
            #expect(try await client.status().machines.count == 1)
        }
        for text in ["10.0.0.1:1", "0.0.0.0:1", "[::]:1"] {
            let address = try #require(PortalAddress(text))
            #expect(NetworkAPI(address: address, protection: .none) == nil)
        }
    }

    @Test func `authority and token stay from start to start, and nobody else reads the secrets`() throws {
        let folder = try TemporaryFolder()
        let first = try AuthorityFolder(stateFolder: folder.path).authority().credentials
        let second = try AuthorityFolder(stateFolder: folder.path).authority().credentials
        #expect(first.certificate == second.certificate)
        _ = try APIToken(stateFolder: folder.path)
        let token = String(buffer: try SystemFiles.read(folder.path + "/api.token"))
        let again = try APIToken(stateFolder: folder.path)
        #expect(again.isIn(authorization: "Bearer " + token.dropLast()))
        for secret in ["/api.token", "/tls/ca.key"] {
            let mode = try FilePath(folder.path + secret).stat().permissions
            #expect(mode == .ownerReadWrite)
        }
    }

    @Test func `only Bearer and the very token let in`() throws {
        let folder = try TemporaryFolder()
        let secret = String(repeating: "ab", count: 32)
        try SystemFiles.write(secret + "\n", to: folder.path + "/api.token", mode: 0o600)
        let token = try APIToken(stateFolder: folder.path)
        #expect(token.isIn(authorization: "Bearer " + secret))
        #expect(token.isIn(authorization: "bearer " + secret))
        for wrong in [
            nil, "", "Bearer", "Bearer ", secret, "Basic " + secret, "Bearer \(secret)a", "Bearer a" + secret,
        ] {
            #expect(!token.isIn(authorization: wrong), "\(wrong ?? "")")
        }
        try SystemFiles.write("short\n", to: folder.path + "/api.token", mode: 0o600)
        #expect(throws: FileProblem.self) { try APIToken(stateFolder: folder.path) }
    }

    @Test(arguments: [
        "https://10.0.0.1:8443", "https://apus.example:8443/", "https://[fd00::1]:8443", "http://127.0.0.1:80",
        "http://[::1]:80", "http://localhost:80",
    ])
    func `addresses of servers`(text: String) throws {
        let address = try #require(ServerAddress(text))
        #expect(address.description == (text.last == "/" ? String(text.dropLast()) : text))
    }

    @Test(arguments: [
        "10.0.0.1:8443", "https://10.0.0.1", "https://:1", "https://a:0", "https://a:65536", "https://a b:1",
        "https://a/b:1", "https://user@a:1", "https://fd00::1:8443", "http://10.0.0.1:80", "http://example:80",
    ])
    func `what is no server's address, or would tell everybody the token`(text: String) {
        #expect(ServerAddress(text) == nil)
    }
}
