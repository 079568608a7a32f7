// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSITesting
import NIOCore
import Testing

@testable import ISCSI

/// A connection in the full-feature phase, with the server's part played by this test.
///
/// In `automatic` mode READ (10) is answered with blocks of a pattern, WRITE (10) takes its data, and every other
/// command ends with CHECK CONDITION; otherwise what comes in is only noted in `inbound`.
final class ScriptedTarget {
    let session: TargetSession
    var connection: TargetConnection
    private var framer = PDUFramer(maxDataSegmentLength: Limits.maxRecvDataSegmentLength)
    var directory = Targets()
    var isAutomatic = true
    /// What the connection said since the beginning, but for `.nothing`.
    private(set) var inbound: [Inbound] = []
    /// The data of every write that is complete, by ITT.
    private(set) var written: [UInt32: [UInt8]] = [:]
    private var gathering: [UInt32: (command: SCSICommand, data: [UInt8])] = [:]
    private var output = ByteBuffer()

    struct Targets: TargetDirectory {
        var all = [DiscoveredTarget(name: "iqn.2026-11.org.apus:disk", addresses: ["127.0.0.1:3260,1"])]

        func targets(named name: String?) -> [DiscoveredTarget] {
            self.all.filter { name == nil || $0.name == name }
        }
    }

    static let blockSize = 512

    /// The other connections of the session.
    private var siblings: [ScriptedTarget] = []

    init(
        isDiscovery: Bool = false, cmdSN: UInt32 = 1, statSN: UInt32 = 1,
        _ configure: (inout OperationalParameters) -> Void = { _ in }
    ) {
        let login = Self.login(isDiscovery: isDiscovery, cmdSN: cmdSN, configure)
        self.session = TargetSession(login: login)
        self.connection = TargetConnection(login: login, session: self.session, statSN: statSN)
        self.framer.hasHeaderDigest = login.parameters.headerDigest
        self.framer.hasDataDigest = login.parameters.dataDigest
    }

    /// A further connection of the session of `first`.
    init(joining first: ScriptedTarget, connectionID: UInt16, statSN: UInt32 = 1) {
        var login = first.connection.login
        login.connectionID = connectionID
        self.session = first.session
        self.connection = TargetConnection(login: login, session: first.session, statSN: statSN)
        self.framer.hasHeaderDigest = login.parameters.headerDigest
        self.framer.hasDataDigest = login.parameters.dataDigest
        for other in [first] + first.siblings {
            self.siblings.append(other)
            other.siblings.append(self)
        }
    }

    static func login(
        isDiscovery: Bool = false, cmdSN: UInt32 = 1, _ configure: (inout OperationalParameters) -> Void = { _ in }
    ) -> EstablishedLogin {
        var parameters = OperationalParameters()
        configure(&parameters)
        return EstablishedLogin(
            identity: LoginIdentity(
                initiatorName: "iqn.2026-11.org.example:host", isid: ISID(1),
                targetName: isDiscovery ? nil : "iqn.2026-11.org.apus:disk"),
            isDiscovery: isDiscovery, portalGroupTag: 1, connectionID: 7, tsih: 0, firstCmdSN: cmdSN,
            parameters: parameters)
    }

    /// The block that READ (10) finds at `lba`.
    static func block(_ lba: Int) -> [UInt8] {
        (0..<Self.blockSize).map { UInt8(truncatingIfNeeded: lba &* 31 &+ $0) }
    }

    /// One pass: all that `bytes` complete is processed, and what it is answered with is returned.
    func pass(_ bytes: ByteBuffer) throws(FramingError) -> ByteBuffer {
        self.framer.append(bytes)
        while let pdu = try self.framer.next() {
            self.take(self.connection.received(pdu, directory: self.directory, output: &self.output))
            while let held = self.session.nextHeld() {
                let owner = ([self] + self.siblings).first { $0.connection.number == held.connection }
                owner?.deliver(held.pdu)
            }
        }
        return self.endPass()
    }

    private func deliver(_ pdu: PDU) {
        self.take(self.connection.received(pdu, directory: self.directory, output: &self.output))
    }

    /// What ends a pass: R2Ts, then everything leaves.
    func endPass() -> ByteBuffer {
        self.connection.solicit(&self.output)
        defer { self.output = ByteBuffer() }
        return self.output
    }

    /// Lets the test call the connection as the server does, and returns what left.
    func act(_ body: (inout TargetConnection, inout ByteBuffer) -> Void) -> ByteBuffer {
        body(&self.connection, &self.output)
        return self.endPass()
    }

    /// Takes over a task of another connection of the session, and returns what left.
    func takeOver(_ tag: UInt32, from other: ScriptedTarget, expDataSN: UInt32) -> ByteBuffer {
        self.gathering[tag] = other.gathering.removeValue(forKey: tag)
        self.connection.takeOver(tag, from: &other.connection, expDataSN: expDataSN, output: &self.output)
        return self.endPass()
    }

    private func take(_ inbound: Inbound) {
        if case .nothing = inbound { return }
        self.inbound.append(inbound)
        guard self.isAutomatic else { return }
        switch inbound {
        case .command(let command): self.execute(command)
        case .data(let tag, let data, let isLast): self.gather(tag, data, isLast: isLast)
        case .dataOutLost(let tag, _):
            self.gathering[tag] = nil
            if let command = self.connection.close(tag) { self.finish(command, status: 0x02) }
        case .taskManagement(let request): self.connection.respond(to: request, .complete, output: &self.output)
        case .logout(let request):
            self.connection.respond(to: request, self.session.response(to: request), output: &self.output)
        case .nothing, .abandonedDataEnded, .close: break
        }
    }

    private func finish(_ command: SCSICommand, status: UInt8, dataIn: [UInt8]? = nil, transferred: Int = 0) {
        self.connection.complete(
            command, status: status,
            sense: status == 0 ? nil : ByteBuffer(bytes: [0x70, 0, 0x05] + [UInt8](repeating: 0, count: 15)),
            dataIn: dataIn.map { ByteBuffer(bytes: $0) }, transferred: transferred, output: &self.output)
    }

    private func execute(_ command: SCSICommand) {
        let cdb = command.header
        let lba = Int(cdb[field: 32] & 0xffff) << 16 | Int(cdb[field: 36] >> 16)
        let count = Int(cdb[field: 36] & 0xff) << 8 | Int(cdb[field: 40] >> 24)
        switch cdb[field: 32] >> 24 {
        case 0x28 where count <= 256:
            self.finish(command, status: 0, dataIn: (lba..<(lba + count)).flatMap(Self.block))
        case 0x2a:
            switch self.connection.beginDataOut(command, wanted: count * Self.blockSize) {
            case .complete(let data): self.wrote(command, data.array, count)
            case .pending(let data): self.gathering[command.initiatorTaskTag] = (command, data.array)
            }
        default:
            self.finish(command, status: 0x02)
        }
    }

    private func gather(_ tag: UInt32, _ data: ByteBuffer, isLast: Bool) {
        guard var task = self.gathering[tag] else { return }
        task.data += data.array
        self.gathering[tag] = task
        self.connection.consumed(data.readableBytes, of: tag)
        guard isLast else { return }
        self.gathering[tag] = nil
        self.wrote(
            task.command, task.data,
            Int(task.command.header[field: 36] & 0xff) << 8 | Int(task.command.header[field: 40] >> 24))
    }

    private func wrote(_ command: SCSICommand, _ data: [UInt8], _ count: Int) {
        self.written[command.initiatorTaskTag] = data
        self.finish(command, status: 0, transferred: count * Self.blockSize)
    }
}

/// READ (10) of `count` blocks at `lba`.
func read10(lba: Int, count: Int) -> [UInt8] {
    [0x28, 0, UInt8(lba >> 24), UInt8(lba >> 16 & 0xff), UInt8(lba >> 8 & 0xff), UInt8(lba & 0xff), 0]
        + [UInt8(count >> 8), UInt8(count & 0xff), 0]
}

/// WRITE (10) of `count` blocks at `lba`.
func write10(lba: Int, count: Int) -> [UInt8] {
    [0x2a] + read10(lba: lba, count: count).dropFirst()
}
