// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
package import BlockStores
import Crypto
package import ISCSI
package import ISCSIServer
package import Logging
import Model
import NIOPosix
import SCSI
import ServiceLifecycle

/// Serves images at once, without a configuration: what `apus export` runs.
///
///     open every image ─► one target, a LUN for each ─► portals ─► … until asked to stop
///                                                         ─► answer what is in flight ─► flush and close
package struct ExportService: Service {
    /// One LUN.
    package enum Source: Sendable {
        case file(path: String)
        case ram(size: UInt64)
        /// Forgets what is written and reads as zeroes.
        case null(size: UInt64)
    }

    package struct Options: Sendable {
        package var sources: [Source]
        /// The size of files that are not there yet, in bytes.
        package var size: UInt64?
        package var blockSize = 512
        package var isReadOnly = false
        package var isThin = true
        package var isRemovable = false
        /// Whether images and RAM disks are encrypted.
        package var isEncrypted = false
        package var portals: [Portal] = []
        package var target: String?
        /// What initiators have to prove before they log in.
        package var authentication = Authentication.none
        /// Where units keep what must outlive a power cut; nil for beside their images, and nowhere for those without.
        package var stateFolder: String?
        /// Whether files and devices are read and written past the page cache.
        package var isDirect = false
        /// Who waits for media.
        package var engine = IOEngine.automatic
        /// How many microseconds event loops poll after they have answered.
        package var pollMicroseconds = 0

        package init(sources: [Source]) {
            self.sources = sources
        }
    }

    private let options: Options
    private let logger: Logger
    private let report: @Sendable (String) -> Void

    /// - Parameter report: told every line that the user is to see.
    package init(_ options: Options, logger: Logger, report: @escaping @Sendable (String) -> Void) {
        self.options = options
        self.logger = logger
        self.report = report
    }

    package func run() async throws {
        let engine = try LoopRings.choose(self.options.engine, group: MultiThreadedEventLoopGroup.singleton)
        let pool = NIOThreadPool(numberOfThreads: 4)
        pool.start()
        self.report("disks that have to be waited for: by \(engine.description)")
        let units = try self.openUnits(pool, engine.rings)
        let name = self.options.target ?? self.defaultTargetName
        let server = ISCSIServer(
            group: MultiThreadedEventLoopGroup.singleton, logger: self.logger,
            pollingSpan: .polling(microseconds: self.options.pollMicroseconds), observer: self.tell)
        await server.setTarget(
            TargetDefinition(
                name: name,
                units: Dictionary(uniqueKeysWithValues: units.enumerated().map { (UInt16($0.offset), $0.element) }),
                access: AccessRules(demoMode: DemoMode(authentication: self.options.authentication))))
        do {
            try await self.listen(server, units, name)
            try await gracefulShutdown()
        } catch {
            try? Self.close(units)
            throw error
        }
        self.report("stopping: answering what is in flight")
        await server.shutdown(grace: .seconds(10))
        for unit in units { await unit.stop() }
        try Self.close(units)
        await engine.rings?.close()
        try await pool.shutdownGracefully()
        self.report("stopped: everything is flushed")
    }

    private func openUnits(_ pool: NIOThreadPool, _ rings: LoopRings?) throws -> [ServedUnit] {
        var units: [ServedUnit] = []
        do {
            for source in self.options.sources {
                units.append(try self.open(source, number: units.count, pool, rings))
            }
        } catch {
            try? Self.close(units)
            throw error
        }
        return units
    }

    private func open(
        _ source: Source, number: Int, _ pool: NIOThreadPool, _ rings: LoopRings?
    ) throws -> ServedUnit {
        let store: any BlockStore
        let product: String
        let identity: String
        switch source {
        case .file(let path):
            product = Self.productName(path)
            identity = path
            if BlockDeviceStore.isDevice(path) {
                guard !self.options.isEncrypted else {
                    throw BlockError(
                        .unavailable, "open \(path)", reason: "devices are not encrypted here (use dm-crypt beneath)")
                }
                store = try BlockDeviceStore(
                    path: path,
                    options: .init(
                        readOnly: self.options.isReadOnly, thin: self.options.isThin, isDirect: self.options.isDirect),
                    pool: pool, rings: rings)
            } else {
                let options = FileStore.Options(
                    size: self.options.size, blockSize: self.options.blockSize,
                    readOnly: self.options.isReadOnly, thin: self.options.isThin, isDirect: self.options.isDirect)
                store =
                    self.options.isEncrypted
                    ? try EncryptedStore.file(path: path, options: options, pool: pool, rings: rings)
                    : try FileStore(path: path, options: options, pool: pool, rings: rings)
            }
        case .ram(let size):
            product = "ram\(number)"
            identity = product
            let disk = try RAMStore(size: size, blockSize: self.options.blockSize, thin: self.options.isThin)
            store = self.options.isEncrypted ? EncryptedStore.memory(disk, pool: pool) : disk
        case .null(let size):
            product = "null\(number)"
            identity = product
            store = try RAMStore(size: size, blockSize: self.options.blockSize, discards: true)
        }
        do {
            let serial = Self.serial(of: identity)
            return ServedUnit(
                identity: LogicalUnitIdentity(product: product, serial: serial), store: store,
                settings: LogicalUnitSettings(removable: self.options.isRemovable),
                keeper: try self.keeper(of: source, identity, serial: serial))
        } catch {
            try? store.close()
            throw error
        }
    }

    /// `--state FOLDER`, or else `disk.img.state` beside `disk.img`.
    private func keeper(of source: Source, _ identity: String, serial: String) throws -> UnitKeeper? {
        let file: StateFile
        if let folder = self.options.stateFolder {
            file = StateFile(name: identity, in: folder)
        } else if case .file(let path) = source, !BlockDeviceStore.isDevice(path) {
            file = StateFile(path: path + ".state")
        } else {
            return nil
        }
        let content = try file.read(limit: Limits.memoryBytes)
        do {
            return try UnitKeeper(serial: serial, content: content, write: file.write)
        } catch {
            throw BlockError(
                .unavailable, "\(file.path), which holds the persistent reservations of \(identity), is damaged",
                reason: "\(error); remove it to serve the image without them")
        }
    }

    private func listen(_ server: ISCSIServer, _ units: [ServedUnit], _ name: String) async throws {
        for (lun, unit) in units.enumerated() {
            let info = unit.store.info
            let size = ByteSize(bytes: info.geometry.blockCount * UInt64(info.geometry.blockSize))
            let access = info.capabilities.contains(.readOnly) ? "read-only" : "read-write"
            let kind = info.capabilities.contains(.encrypts) ? ", encrypted" : ""
            self.report(
                "LUN \(lun): \(unit.identity.product), \(size), blocks of \(info.geometry.blockSize), \(access)\(kind)")
        }
        for portal in self.options.portals {
            let bound = try await server.listen(portal)
            for lun in units.indices {
                self.report("iscsi://\(bound)/\(name)/\(lun)")
            }
        }
        if case .required(let terms) = self.options.authentication {
            self.report("logins have to prove themselves by CHAP as \(terms.initiator.name)")
        }
        self.report("serving; ^C ends it")
    }

    private static func close(_ units: [ServedUnit]) throws {
        for unit in units {
            try unit.store.close()
        }
    }
}

// MARK: - Names

extension ExportService {
    private var defaultTargetName: String {
        switch self.options.sources.first {
        case .file(let path): "iqn.2026-11.org.apus:\(Self.productName(path).lowercased())"
        case .ram, .null, nil: "iqn.2026-11.org.apus:ram"
        }
    }

    /// The file's name without its folder and extension, in the letters that an iSCSI name may have.
    private static func productName(_ path: String) -> String {
        let file = path.split(separator: "/").last ?? "disk"
        let stem = file.split(separator: ".", omittingEmptySubsequences: true).first ?? "disk"
        let name = String(stem.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") ? $0 : "-" })
        return String(name.prefix(16))
    }

    /// A unit serial number that stays the same from one export of an image to the next.
    private static func serial(of identity: String) -> String {
        let digits = SHA256.hash(data: Array(identity.utf8)).prefix(16).map { byte in
            let hex = String(byte, radix: 16)
            return hex.utf8.count == 1 ? "0" + hex : hex
        }.joined()
        let groups = [(0, 8), (8, 4), (12, 4), (16, 4), (20, 12)]
        return groups.map { String(digits.dropFirst($0.0).prefix($0.1)) }.joined(separator: "-")
    }
}

// MARK: - Sessions, as they come and go

extension ExportService {
    private func tell(_ event: SessionEvent) {
        switch event {
        case .loggedIn(let session):
            let kind = session.isDiscovery ? "discovery" : "login"
            self.report("\(kind): \(session.initiatorName) from \(session.remoteAddress)")
        case .loginRefused(let initiator, let target, let remote, let reason):
            self.report("refused: \(initiator) from \(remote) to \(target): \(reason)")
        case .firstRead:
            break
        case .loggedOut(let session, let reason):
            let read = ByteSize(bytes: session.bytesRead)
            let written = ByteSize(bytes: session.bytesWritten)
            self.report(
                "end: \(session.initiatorName) from \(session.remoteAddress): \(reason); read \(read), wrote \(written)"
            )
        }
    }
}
