// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BootStory
package import ControlAPI
import Glibc
import HashTreeCollections
import ISCSIServer
import Model

extension Daemon {
    package func configurationReport() -> ConfigurationReport {
        ConfigurationReport(generation: self.generation, configuration: self.configuration.json)
    }

    /// The API is served by TCP as well.
    func serves(_ api: APIStatus) {
        self.networkAPI = api
    }

    /// What is served, in a line.
    var summary: String {
        let targets = self.running.targets.count
        let portals = self.running.portals.sorted().map(\.description)
        let troubles = self.problems.count { $0.severity == .error }
        return "\(targets) target\(targets == 1 ? "" : "s"); portals: "
            + (portals.isEmpty ? "none" : portals.joined(separator: ", "))
            + (troubles == 0 ? "" : "; \(troubles) of the configuration not served: apus status")
    }

    package func status() async -> StatusReport {
        let sessions = await self.seams.targets.sessions()
        let now = Instant.now()
        return StatusReport(
            version: self.options.version, processID: Int(getpid()), started: self.started, now: now,
            configurationPath: self.options.configurationPath, generation: self.generation,
            portals: self.running.portals.sorted().map(\.description), api: self.networkAPI,
            boot: self.running.boot.map(BootStatus.init),
            targets: self.running.targets.values.sorted { $0.name < $1.name }.map(self.status),
            sessions: sessions.map { session in
                var status = SessionStatus(session)
                status.commandsPerSecond = self.rates[session.id]?.commands
                status.bytesReadPerSecond = self.rates[session.id]?.bytesRead
                status.bytesWrittenPerSecond = self.rates[session.id]?.bytesWritten
                return status
            }.sorted { $0.id < $1.id },
            machines: self.configuration.boot.resolvedClients.map { self.status(of: $0, at: now) },
            problems: self.problems + self.otherServers)
    }

    private func status(of target: ServedTarget) -> TargetStatus {
        TargetStatus(
            name: target.name,
            luns: target.groups.flatMap { $0.luns.sorted { $0.key < $1.key } }.compactMap { lun, name in
                guard let backstore = self.running.backstores[name], let unit = self.units[name] else { return nil }
                let geometry = unit.info.geometry
                return LUNStatus(
                    lun: Int(lun), backstore: name, medium: backstore.kind.summary,
                    bytes: geometry.blockCount * UInt64(geometry.blockSize),
                    isReadOnly: unit.store.info.capabilities.contains(.readOnly),
                    reads: LatencyStatus(unit.latencies.reads), writes: LatencyStatus(unit.latencies.writes))
            },
            initiators: target.initiators?.sorted())
    }

    private func status(of client: BootClient, at now: Instant) -> MachineStatus {
        let story = self.chronicle.story(ofClient: client.name)
        let boot = story?.boots.last
        let mac = story.flatMap { $0.mac.isEmpty ? nil : $0.mac }
        let standing = boot?.standing(at: now)
        var status = MachineStatus(
            client: client.name, mac: mac ?? client.identity.words, source: client.source?.words ?? "nothing",
            method: client.effectiveMethod.words, initiatorName: client.effectiveInitiatorName,
            targetName: client.effectiveTargetName, standing: standing?.words,
            lastSeen: boot?.lastActivity)
        status.stage = boot?.stage
        if case .stalled(let diagnosis)? = standing { status.diagnosis = diagnosis }
        return status
    }
}

extension BootStatus {
    init(_ boot: BootDeployment) {
        self.init(
            interface: boot.services.interface, address: boot.services.address, dhcp: boot.services.dhcp.words,
            tftpPort: boot.services.tftpPort, httpPort: boot.services.httpPort)
    }
}

extension SessionStatus {
    init(_ session: SessionSnapshot) {
        self.init(
            id: session.id, initiator: session.initiatorName, alias: session.initiatorAlias, isid: session.isid,
            target: session.targetName, isDiscovery: session.isDiscovery, remoteAddress: session.remoteAddress,
            parameters: session.parameters, commands: session.commands, bytesRead: session.bytesRead,
            bytesWritten: session.bytesWritten, idleSeconds: session.idleNanoseconds.map { Double($0) / 1e9 })
        self.reads = LatencyStatus(session.latency.reads)
        self.writes = LatencyStatus(session.latency.writes)
    }
}

extension LatencyStatus {
    /// Nil where nothing was measured.
    init?(_ histogram: LatencyHistogram) {
        guard let half = histogram.quantile(0.5), let most = histogram.quantile(0.99) else { return nil }
        self.init(
            count: histogram.count, totalSeconds: Double(histogram.totalNanoseconds) / 1e9, p50Seconds: half / 1e9,
            p99Seconds: most / 1e9, buckets: Self.exponents.map(histogram.count(belowPowerOfTwo:)))
    }
}
