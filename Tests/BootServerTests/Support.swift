// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization

let machine = MACAddress([0x52, 0x54, 0x00, 0x12, 0x34, 0x56])
let stranger = MACAddress([0x52, 0x54, 0x00, 0x00, 0x00, 0x01])

/// One machine that fetches its kernel, from files in a folder that the test makes and removes.
final class Fixture: Sendable {
    let folder: URL
    let kernel: [UInt8]
    let initrd: [UInt8]
    let program: [UInt8]
    let machines: Machines

    struct Machines: MachineDirectory {
        var assignment: BootAssignment
        /// What unknown machines may choose from.
        var menu: [String]?

        func assignment(for mac: MACAddress) -> BootAssignment? {
            mac == machine ? self.assignment : nil
        }

        var reservations: Reservations { .none }
        func learned(_ facts: MachineFacts, of mac: MACAddress) {}
        func makeCredentials(for client: String, at address: String) -> SANDisk.Credentials {
            SANDisk.Credentials(name: client, secret: address)
        }
        func enrolmentImages() async -> [String]? { self.menu }
        func enrol(_ request: EnrolmentRequest) async -> EnrolmentOutcome { .enrolled(client: request.name) }
    }

    /// - Parameter method: How the machine gets its kernel, from the fixture's files.
    init(
        _ method: (_ kernel: String, _ initrd: String) -> BootAssignment.Method = Fixture.kernelByHTTP,
        prepare: (inout Machines) -> Void = { _ in }
    ) throws {
        self.folder = FileManager.default.temporaryDirectory.appending(path: "apus-boot-\(UUID())")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        // More than one read of the file, and no multiple of any block size.
        self.kernel = (0..<300_001).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        self.initrd = (0..<512).map { UInt8(truncatingIfNeeded: $0) }
        self.program = (0..<70_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try Data(self.kernel).write(to: self.folder.appending(path: "bzImage"))
        try Data(self.initrd).write(to: self.folder.appending(path: "initramfs"))
        try Data(self.program).write(to: self.folder.appending(path: "snponly.efi"))
        var machines = Machines(
            assignment: BootAssignment(
                client: "node1",
                method: method(
                    self.folder.appending(path: "bzImage").path, self.folder.appending(path: "initramfs").path),
                initiatorName: "iqn.2026-11.org.apus:node1", targetName: "iqn.2026-11.org.apus:disk1",
                portalAddress: "127.0.0.1"))
        prepare(&machines)
        self.machines = machines
    }

    static func kernelByHTTP(_ kernel: String, _ initrd: String) -> BootAssignment.Method {
        .kernel(kernelPath: kernel, initrdPath: initrd, arguments: "quiet", transport: .http)
    }

    /// For expectations: one on the bytes themselves would write them all into its message.
    func isKernel(_ bytes: [UInt8]) -> Bool {
        bytes == self.kernel
    }

    deinit {
        try? FileManager.default.removeItem(at: self.folder)
    }
}

/// What the observer was told.
final class Events: Sendable {
    private let all = Mutex<[BootEvent]>([])

    func append(_ event: BootEvent) {
        self.all.withLock { $0.append(event) }
    }

    /// The first event for which `pick` has a value; waits for it, for events come after the last byte.
    func first<Value: Sendable>(_ pick: (BootEvent) -> Value?) async -> Value? {
        for _ in 0..<6000 {
            if let value = self.all.withLock({ $0.lazy.compactMap(pick).first }) { return value }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return nil
    }
}

/// Boot services without DHCP on loopback, on ports that were free.
func withServices(
    _ method: (_ kernel: String, _ initrd: String) -> BootAssignment.Method = Fixture.kernelByHTTP,
    prepare: (inout Fixture.Machines) -> Void = { _ in },
    _ body: (BootServices, Events, Fixture) async throws -> Void
) async throws {
    let fixture = try Fixture(method, prepare: prepare)
    let events = Events()
    let server = BootServer()
    var services = BootServices(address: "127.0.0.1", interface: "lo", dhcp: .off)
    services.firmwareFolder = fixture.folder.path
    for attempt in 1... {
        services.tftpPort = .random(in: 20_000...59_999)
        services.httpPort = .random(in: 20_000...59_999)
        do {
            try await server.start(
                services: services, directory: fixture.machines, observer: { events.append($0) },
                logger: Logger(label: "test"))
            break
        } catch {
            guard case .portTaken = error.kind, attempt < 20 else { throw error }
        }
    }
    do {
        try await body(services, events, fixture)
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}
