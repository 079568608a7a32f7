// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import BootServer
import Control
import Glibc
import ISCSI
import ISCSIServer
import Logging
import Model
import NIOCore
import SystemPackage

/// A target service that only remembers what it was told.
actor FakeTargets: TargetService {
    private(set) var calls: [String] = []
    private(set) var targets: [String: TargetDefinition] = [:]
    private(set) var discovery = Authentication.none
    private var takenPorts: Set<Int> = []
    private var live: [SessionSnapshot] = []

    /// Makes listening on `port` fail as a port that another program has.
    func take(port: Int) { self.takenPorts.insert(port) }
    func free(port: Int) { self.takenPorts.remove(port) }
    func set(sessions: [SessionSnapshot]) { self.live = sessions }
    func forgetCalls() { self.calls = [] }

    func listen(_ portal: Portal) async throws -> Portal {
        guard !self.takenPorts.contains(portal.port) else {
            throw PortalError(portal, IOError(errnoCode: EADDRINUSE, reason: "bind"))
        }
        self.calls.append("listen \(portal)")
        return portal
    }

    func stopListening(_ portal: Portal) async { self.calls.append("stop listening \(portal)") }

    func setTarget(_ definition: TargetDefinition) async {
        self.calls.append("set \(definition.name)")
        self.targets[definition.name] = definition
    }

    func setDiscoveryAuthentication(_ authentication: Authentication) async {
        self.calls.append("set discovery")
        self.discovery = authentication
    }

    func removeTarget(_ name: String) async {
        self.calls.append("remove \(name)")
        self.targets[name] = nil
    }

    func sessions() async -> [SessionSnapshot] { self.live }
    func shutdown(grace: Duration) async { self.calls.append("shutdown \(grace)") }
}

/// Boot services that only remember, and that let the test play the machines.
actor FakeBoot: BootService {
    private(set) var services: BootServices?
    private(set) var directory: (any MachineDirectory)?
    private var observer: (@Sendable (BootEvent) -> Void)?

    func start(
        _ services: BootServices, directory: any MachineDirectory, observer: @escaping @Sendable (BootEvent) -> Void
    ) async throws {
        self.services = services
        self.directory = directory
        self.observer = observer
    }

    func stop() async { self.services = nil }
    func see(_ event: BootEvent) { self.observer?(event) }
}

/// Stores in memory; names of files whose opening is to fail can be given.
struct MemoryStores: StoreOpening {
    var missing: Set<String> = []

    func open(_ backstore: Backstore) async throws -> any BlockStore {
        if case .file(let path, _, _, _) = backstore.kind, self.missing.contains(path) {
            throw BlockError(.unavailable, "open \(path)", reason: "no such file")
        }
        return try RAMStore(size: 1 << 20)
    }
}

/// A daemon on fakes, in a folder of its own.
struct Stage {
    let folder: TemporaryFolder
    let targets = FakeTargets()
    let boot = FakeBoot()
    let daemon: Daemon
    let file: ConfigurationFile

    /// - Parameter folder: one of an earlier stage, to go on with what that has left.
    init(
        _ configuration: Configuration = Configuration(), stores: any StoreOpening = MemoryStores(),
        in folder: TemporaryFolder? = nil
    ) throws {
        let folder = try folder ?? TemporaryFolder()
        self.folder = folder
        self.file = ConfigurationFile(path: folder.path + "/saveconfig.json")
        if configuration != Configuration() { try self.file.save(configuration) }
        let seams = Daemon.Seams(targets: self.targets, boot: self.boot, stores: stores)
        self.daemon = Daemon(
            options: .init(
                configurationPath: self.file.path, stateFolder: folder.path, version: "test", grace: .seconds(3)),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, makeSeams: { _ in seams })
    }

    func onDisk() throws -> Configuration {
        try self.file.load().configuration
    }
}

/// A folder that goes with its last user.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Errno(rawValue: errno) }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        Self.remove(self.path)
    }

    private static func remove(_ path: String) {
        guard let stream = unsafe opendir(path) else {
            _ = unsafe unlink(path)
            return
        }
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { Self.remove(path + "/" + name) }
        }
        unsafe closedir(stream)
        _ = unsafe rmdir(path)
    }
}

func makeFolder(_ path: String) throws {
    guard unsafe mkdir(path, 0o755) == 0 else { throw Errno(rawValue: errno) }
}

let services = ServiceSettings(address: "10.77.0.1", interface: "br0", dhcp: .proxy)

func disk(_ name: String, _ number: Int) -> BootClient {
    let hex = String(number, radix: 16)
    let mac = "52:54:00:00:00:" + (hex.utf8.count == 1 ? "0" + hex : hex)
    return BootClient(name: name, mac: mac, source: .disk("/disks/\(name).img"))
}
