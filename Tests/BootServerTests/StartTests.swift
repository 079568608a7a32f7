// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import Foundation
import Logging
import NIOCore
import NIOPosix
import Testing

@Suite("Starting and stopping")
struct StartTests {
    /// The error that starting gives, and whether everything was given back.
    static func failure(_ change: (inout BootServices) -> Void) async throws -> BootServerError? {
        let fixture = try Fixture()
        let server = BootServer()
        var services = BootServices(address: "127.0.0.1", interface: "lo", dhcp: .off)
        services.firmwareFolder = fixture.folder.path
        services.tftpPort = .random(in: 20_000...59_999)
        services.httpPort = .random(in: 20_000...59_999)
        change(&services)
        do {
            try await server.start(
                services: services, directory: fixture.machines, observer: { _ in }, logger: Logger(label: "test"))
        } catch {
            return error
        }
        await server.stop()
        return nil
    }

    @Test func `an interface that is not there is named, with those that are`() async throws {
        let error = try await Self.failure { $0.interface = "nosuch0" }
        #expect(error?.kind == .interfaceMissing)
        #expect(error?.description.contains("\"nosuch0\"") == true)
        #expect(error?.description.contains("lo") == true)
    }

    @Test func `an address that the interface has not is named`() async throws {
        let error = try await Self.failure { $0.address = "192.0.2.1" }
        #expect(error?.kind == .addressMissing)
        #expect(error?.description.contains("127.0.0.1") == true)
    }

    @Test func `an address that is none is refused`() async throws {
        #expect(try await Self.failure { $0.address = "localhost" }?.kind == .addressInvalid)
    }

    @Test func `missing programs are named with their package`() async throws {
        let error = try await Self.failure { $0.firmwareFolder = "/nosuch" }
        #expect(error?.kind == .programsMissing)
        #expect(error?.description.contains("package ipxe") == true)
    }

    @Test func `a range off the subnet is refused before any socket is opened`() async throws {
        let error = try await Self.failure {
            $0.dhcp = .ranges(
                own: .init(first: "10.0.0.1", last: "10.0.0.9", prefixLength: 24, leaseSeconds: 600), behindRelays: [])
        }
        #expect(error?.kind == .rangeInvalid)
        #expect(error?.description.contains("10.0.0.1") == true)
    }

    @Test func `a taken TFTP port is told with its usual holder and how to find it`() async throws {
        let other = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(other.localAddress?.port)
        let error = try await Self.failure { $0.tftpPort = port }
        try await other.close().get()
        #expect(error?.kind == .portTaken(port))
        #expect(error?.description.contains("tftpd-hpa") == true)
        #expect(error?.description.contains("ss -lunp 'sport = :\(port)'") == true)
    }

    @Test func `a taken HTTP port gives the TFTP port back`() async throws {
        let other = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(other.localAddress?.port)
        let tftp = Int.random(in: 20_000...59_999)
        let error = try await Self.failure {
            $0.httpPort = port
            $0.tftpPort = tftp
        }
        try await other.close().get()
        #expect(error?.kind == .portTaken(port))
        #expect(error?.description.contains("--http-port") == true)
        let free = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: tftp).get()
        try await free.close().get()
    }

    @Test func `starting twice is refused, starting after a stop is not`() async throws {
        let fixture = try Fixture()
        let server = BootServer()
        var services = BootServices(address: "127.0.0.1", interface: "lo", dhcp: .off)
        services.firmwareFolder = fixture.folder.path
        services.tftpPort = .random(in: 20_000...59_999)
        services.httpPort = .random(in: 20_000...59_999)
        for _ in 1...3 {
            try await server.start(
                services: services, directory: fixture.machines, observer: { _ in }, logger: Logger(label: "test"))
            await #expect(throws: BootServerError.self) {
                try await server.start(
                    services: services, directory: fixture.machines, observer: { _ in }, logger: Logger(label: "test"))
            }
            let head = try await HTTPExchange(port: services.httpPort, "HEAD", "/snponly.efi")
            #expect(head.status == 200)
            await server.stop()
        }
    }
}
