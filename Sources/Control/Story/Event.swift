// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import BootStory
import FoundationEssentials
import ISCSIServer

/// Something that one of the daemon's servers saw, with the time at which it did.
struct Event: Sendable {
    var at: Instant
    var kind: Kind

    enum Kind: Sendable {
        case boot(BootEvent)
        case session(SessionEvent)
    }
}

extension Instant {
    /// The wall clock's time.
    static func now() -> Instant {
        Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    }
}

extension BootEvent {
    /// What the event tells of a machine, and which machine it is where that is known; nil where it is of none.
    var sight: (mac: MACAddress?, remote: String?, sight: Sight)? {
        switch self {
        case .dhcpDiscover(let mac, let architecture, let isIPXE):
            (mac, nil, .discover(architecture: architecture?.rawValue, isIPXE: isIPXE))
        case .dhcpOffer(let mac, let address, let bootFile):
            (mac, nil, .offer(address: address, bootFile: bootFile))
        case .dhcpAcknowledged(let mac, let address, let bootFile):
            (mac, nil, .acknowledged(address: address, bootFile: bootFile))
        case .dhcpRefused(let mac, let reason):
            (mac, nil, .refused(reason: reason))
        case .transferred(let mac, let remote, let transfer):
            (
                mac, remote,
                .transferred(
                    file: transfer.file, service: transfer.service.rawValue, bytes: transfer.bytes,
                    seconds: transfer.seconds)
            )
        case .transferFailed(let mac, let remote, let file, let reason):
            (mac, remote, .transferFailed(file: file, reason: reason))
        case .scriptServed(let mac, _, let method):
            (mac, nil, .script(method: method))
        case .unknownMachine(let mac):
            (mac, nil, .unknownMachine)
        case .reported(let mac, let remote, let report):
            (mac, remote, .up(SystemTimes(report)))
        case .otherDHCPServer:
            nil
        }
    }
}

extension SystemTimes {
    init(_ report: BootReport) {
        func seconds(_ microseconds: UInt64?) -> Double? { microseconds.map { Double($0) / 1e6 } }
        self.init(
            kernelSeconds: seconds(report.kernelMicroseconds), initrdSeconds: seconds(report.initrdMicroseconds),
            userspaceSeconds: seconds(report.userspaceMicroseconds), failedUnits: report.failedUnits)
    }
}

extension SessionEvent {
    /// What the event tells, and the names and the address by which its machine is known.
    var sight: (initiator: String, target: String, remote: String, sight: Sight) {
        switch self {
        case .loggedIn(let session):
            (session.initiatorName, session.targetName, session.remoteAddress, .login(SessionFacts(session)))
        case .loginRefused(let initiator, let target, let remote, let reason):
            (initiator, target, remote, .loginRefused(initiator: initiator, reason: reason))
        case .firstRead(let session):
            (session.initiatorName, session.targetName, session.remoteAddress, .firstRead(session: session.id))
        case .loggedOut(let session, let reason):
            (
                session.initiatorName, session.targetName, session.remoteAddress,
                .logout(
                    session: session.id, reason: reason, bytesRead: session.bytesRead,
                    bytesWritten: session.bytesWritten)
            )
        }
    }
}

extension SessionFacts {
    init(_ session: SessionSnapshot) {
        self.init(
            id: session.id, initiatorName: session.initiatorName, initiatorAlias: session.initiatorAlias,
            isid: session.isid, isDiscovery: session.isDiscovery,
            immediateData: session.parameters["ImmediateData"].map { $0 == "Yes" },
            hasProvedItself: session.isProven, remoteAddress: session.remoteAddress)
    }
}
