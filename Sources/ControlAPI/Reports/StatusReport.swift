// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BootStory
package import Model

/// `GET /v1/status`: what the daemon serves, and to whom.
package struct StatusReport: Codable, Sendable, Hashable {
    package var version: String
    package var processID: Int
    package var started: Instant
    package var now: Instant
    package var configurationPath: String
    package var generation: Int
    package var portals: [String]
    /// The API by TCP, where it is served.
    package var api: APIStatus?
    package var boot: BootStatus?
    package var targets: [TargetStatus]
    package var sessions: [SessionStatus]
    package var machines: [MachineStatus]
    /// What is configured and does not run, with its reason and remedy.
    package var problems: [Problem]

    package init(
        version: String, processID: Int, started: Instant, now: Instant, configurationPath: String, generation: Int,
        portals: [String], api: APIStatus? = nil, boot: BootStatus?, targets: [TargetStatus], sessions: [SessionStatus],
        machines: [MachineStatus], problems: [Problem]
    ) {
        self.version = version
        self.processID = processID
        self.started = started
        self.now = now
        self.configurationPath = configurationPath
        self.generation = generation
        self.portals = portals
        self.api = api
        self.boot = boot
        self.targets = targets
        self.sessions = sessions
        self.machines = machines
        self.problems = problems
    }
}

/// The API by TCP, and by what clients know it.
package struct APIStatus: Codable, Sendable, Hashable {
    package var url: String
    /// SHA-256 of the authority's certificate, or of the user's own; nil without TLS.
    package var fingerprint: String?
    /// The authority's certificate, for `--ca`; nil where the certificate is the user's.
    package var authorityPath: String?

    package init(url: String, fingerprint: String?, authorityPath: String?) {
        self.url = url
        self.fingerprint = fingerprint
        self.authorityPath = authorityPath
    }

    package var words: String {
        [
            self.url, self.authorityPath.map { "certificates of \($0)" }, self.fingerprint.map { "SHA-256 \($0)" },
        ].compactMap(\.self).joined(separator: ", ")
    }
}

/// The boot services as they run.
package struct BootStatus: Codable, Sendable, Hashable {
    package var interface: String
    package var address: String
    /// `off`, `proxy` or the range.
    package var dhcp: String
    package var tftpPort: Int
    package var httpPort: Int

    package init(interface: String, address: String, dhcp: String, tftpPort: Int, httpPort: Int) {
        self.interface = interface
        self.address = address
        self.dhcp = dhcp
        self.tftpPort = tftpPort
        self.httpPort = httpPort
    }
}

package struct TargetStatus: Codable, Sendable, Hashable {
    package var name: String
    package var luns: [LUNStatus]
    /// Nil where everybody may log in.
    package var initiators: [String]?

    package init(name: String, luns: [LUNStatus], initiators: [String]?) {
        self.name = name
        self.luns = luns
        self.initiators = initiators
    }
}

package struct LUNStatus: Codable, Sendable, Hashable {
    package var lun: Int
    package var backstore: String
    /// Where the blocks are.
    package var medium: String
    package var bytes: UInt64
    package var isReadOnly: Bool
    /// Of what all initiators sent, since the backstore was opened; nil where none sent any.
    package var reads: LatencyStatus?
    package var writes: LatencyStatus?

    package init(
        lun: Int, backstore: String, medium: String, bytes: UInt64, isReadOnly: Bool, reads: LatencyStatus? = nil,
        writes: LatencyStatus? = nil
    ) {
        self.lun = lun
        self.backstore = backstore
        self.medium = medium
        self.bytes = bytes
        self.isReadOnly = isReadOnly
        self.reads = reads
        self.writes = writes
    }
}

/// A session and its counters.
package struct SessionStatus: Codable, Sendable, Hashable {
    package var id: UInt64
    package var initiator: String
    package var alias: String?
    package var isid: String
    package var target: String
    package var isDiscovery: Bool
    package var remoteAddress: String
    /// The operational keys in force.
    package var parameters: [String: String]
    package var commands: UInt64
    package var bytesRead: UInt64
    package var bytesWritten: UInt64
    package var idleSeconds: Double?
    /// Over the last second or so; nil for a session that is younger.
    package var commandsPerSecond: Double?
    package var bytesReadPerSecond: Double?
    package var bytesWrittenPerSecond: Double?
    /// Since the session began; nil where there were none.
    package var reads: LatencyStatus?
    package var writes: LatencyStatus?

    package init(
        id: UInt64, initiator: String, alias: String?, isid: String, target: String, isDiscovery: Bool,
        remoteAddress: String, parameters: [String: String], commands: UInt64, bytesRead: UInt64,
        bytesWritten: UInt64, idleSeconds: Double?
    ) {
        self.id = id
        self.initiator = initiator
        self.alias = alias
        self.isid = isid
        self.target = target
        self.isDiscovery = isDiscovery
        self.remoteAddress = remoteAddress
        self.parameters = parameters
        self.commands = commands
        self.bytesRead = bytesRead
        self.bytesWritten = bytesWritten
        self.idleSeconds = idleSeconds
    }
}

/// A configured machine, and where its last boot stands.
package struct MachineStatus: Codable, Sendable, Hashable {
    package var client: String
    package var mac: String
    /// `image lab` or `disk /srv/pc1.img`.
    package var source: String
    package var method: String
    package var initiatorName: String
    package var targetName: String
    /// Nil when it has not been seen since the daemon started.
    package var standing: String?
    package var lastSeen: Instant?
    /// The furthest stage of its last boot.
    package var stage: Stage?
    /// Why it goes no further, where it does not.
    package var diagnosis: Diagnosis?

    package init(
        client: String, mac: String, source: String, method: String, initiatorName: String, targetName: String,
        standing: String?, lastSeen: Instant?
    ) {
        self.client = client
        self.mac = mac
        self.source = source
        self.method = method
        self.initiatorName = initiatorName
        self.targetName = targetName
        self.standing = standing
        self.lastSeen = lastSeen
    }
}
