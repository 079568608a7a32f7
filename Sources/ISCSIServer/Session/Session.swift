// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore
import SCSI
import Synchronization

/// A session that has logged in: what is constant, and counters that any thread may look at.
final class Session: Sendable {
    let id: UInt64
    let tsih: UInt16
    let login: EstablishedLogin
    let nexus: Nexus
    /// The nexus where a LUN is write-protected for this session.
    let protectedNexus: Nexus
    /// That of the first connection.
    let route: Route
    let remoteAddress: String
    let localAddress: String
    /// That of the first connection.
    let channel: any Channel
    /// Where all connections of the session are served.
    let loop: any EventLoop
    let counters = Counters()
    let latency = LatencyCounters()

    /// What a session has done. Written by its event loop alone, so that relaxed loads and stores suffice.
    struct Counters: ~Copyable {
        let commands = Atomic<UInt64>(0)
        let bytesRead = Atomic<UInt64>(0)
        let bytesWritten = Atomic<UInt64>(0)
        /// When the last command came, in nanoseconds of the monotonic clock; 0 for never.
        let lastCommand = Atomic<UInt64>(0)

        func commandReceived(at time: NIODeadline) {
            self.commands.bump()
            self.lastCommand.store(time.uptimeNanoseconds, ordering: .relaxed)
        }
    }

    init(id: UInt64, tsih: UInt16, login: EstablishedLogin, channel: any Channel) {
        self.id = id
        self.tsih = tsih
        self.login = login
        self.channel = channel
        self.loop = channel.eventLoop
        self.route = Route(channel)
        self.remoteAddress = channel.remoteAddress?.portalDescription ?? "unknown"
        self.localAddress = channel.localAddress?.portalDescription ?? "unknown"
        var nexus = Nexus(
            id: id, initiatorPort: "\(login.identity.initiatorName),i,0x\(login.identity.isid)",
            targetName: login.identity.targetName ?? "", relativeTargetPort: login.portalGroupTag)
        nexus.protocolLevel = UInt8(clamping: login.parameters.protocolLevel)
        self.nexus = nexus
        nexus.isWriteProtected = true
        self.protectedNexus = nexus
    }

    /// The session as it stands.
    func snapshot() -> SessionSnapshot {
        let last = self.counters.lastCommand.load(ordering: .relaxed)
        return SessionSnapshot(
            id: self.id,
            initiatorName: self.login.identity.initiatorName,
            initiatorAlias: self.login.identity.initiatorAlias,
            isid: self.login.identity.isid.description,
            tsih: self.tsih,
            targetName: self.login.identity.targetName ?? "",
            isDiscovery: self.login.isDiscovery,
            isProven: self.login.isProven,
            remoteAddress: self.remoteAddress,
            localAddress: self.localAddress,
            parameters: self.login.parameters.keyValues,
            commands: self.counters.commands.load(ordering: .relaxed),
            bytesRead: self.counters.bytesRead.load(ordering: .relaxed),
            bytesWritten: self.counters.bytesWritten.load(ordering: .relaxed),
            latency: self.latency.snapshot,
            idleNanoseconds: last == 0 ? nil : NIODeadline.now().uptimeNanoseconds &- last)
    }
}

extension Atomic<UInt64> {
    /// Adds without a locked instruction: for counters that only one thread writes.
    func bump(by amount: UInt64 = 1) {
        self.store(self.load(ordering: .relaxed) &+ amount, ordering: .relaxed)
    }
}

extension SocketAddress {
    /// `address:port`, with an IPv6 address in brackets and without a scope.
    var portalDescription: String {
        guard let host = self.ipAddress, let port = self.port else { return self.description }
        return Portal(host: host, port: port).description
    }
}
