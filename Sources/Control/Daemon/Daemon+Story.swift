// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
package import BootStory
package import ControlAPI
import HashTreeCollections
import ISCSIServer
import Logging
package import Model

/// Somebody who watches a machine.
struct Follower {
    var mac: String
    var lines: AsyncStream<TimelineReport>.Continuation
    /// What the last line said of where the boot stands.
    var standing: String?
}

/// Why nobody can watch or be told of a machine.
package enum StoryFailure: Error, Sendable, CustomStringConvertible {
    case noSuchClient(ChangeRefusal)
    case tooManyFollowers
    case noSuchBoot(Int, of: String, known: ClosedRange<Int>?)
    /// The database of earlier boots does not answer.
    case historyFails(String)

    package var description: String {
        switch self {
        case .noSuchClient(let refusal): refusal.description
        case .noSuchBoot(let number, let client, nil):
            "no boot \(number) of \(client) is known, nor any other"
        case .noSuchBoot(let number, let client, let known?):
            "no boot \(number) of \(client) is known; those from \(known.lowerBound) to \(known.upperBound) are"
        case .historyFails(let cause):
            "the earlier boots cannot be read: \(cause)"
        case .tooManyFollowers:
            "\(Limits.followers) others watch already; end one of them (^C) and try again"
        }
    }
}

extension Daemon {
    func configureChronicle() {
        self.chronicle.configure(
            self.configuration.boot.resolvedClients.map { client in
                .init(
                    name: client.name, mac: client.identity.mac, initiatorName: client.effectiveInitiatorName,
                    targetName: client.effectiveTargetName, method: client.effectiveMethod.word)
            })
    }

    func received(_ event: Event) {
        switch event.kind {
        case .boot(let boot):
            guard let (mac, remote, sight) = boot.sight else { return self.note(boot) }
            let known = mac?.description ?? remote.flatMap { self.chronicle.mac(atAddress: Self.host($0)) }
            guard let known else { return }
            if let client = MACAddress(known).flatMap({ self.machines.client(of: $0) }) {
                self.chronicle.found(client, mac: known)
            }
            if case .unknownMachine = sight { self.noteStranger(known, at: event.at) }
            self.tell(known, sight, at: event.at)
            if case .scriptServed(_, let client, _) = boot, let obstacle = self.obstacle(toDiskOf: client) {
                self.tell(known, .notServed(reason: obstacle), at: event.at)
            }
        case .session(let session):
            self.log(session)
            self.tellListeners(of: session, at: event.at)
            let (initiator, target, remote, sight) = session.sight
            let mac =
                self.chronicle.mac(ofInitiator: initiator) ?? self.chronicle.mac(atAddress: Self.host(remote))
                ?? self.chronicle.mac(ofTarget: target)
            guard let mac else { return }
            self.tell(mac, sight, at: event.at)
        }
    }

    /// Why a machine that is about to attach its disk will find none; nil where it will.
    private func obstacle(toDiskOf name: String) -> String? {
        guard let services = self.running.boot?.services,
            let client = self.configuration.boot.clients.first(where: { $0.name == name })
        else { return nil }
        let target = client.effectiveTargetName
        let portal = "\(services.address):\(services.iscsiPort)"
        let isHeard = self.running.portals.contains { running in
            PortalAddress(portal).map { running.covers($0) } ?? false
        }
        guard isHeard else { return "its target is not served: nobody listens at \(portal)" }
        guard let served = self.running.targets[target] else { return "its target \(target) is not served" }
        guard served.backstores.isEmpty else { return nil }
        let cause = self.problems.first { $0.path.contains("client:\(name)") }.map { ": \($0.cause)" } ?? ""
        return "its disk is not served\(cause)"
    }

    /// What is of no machine.
    private func note(_ event: BootEvent) {
        guard case .otherDHCPServer(let address) = event else { return }
        self.otherServers.append(
            .warning(
                "boot.services.dhcp", "another DHCP server, \(address), answers on this network",
                "turn it off, or leave the addresses to it: apus services set --dhcp proxy"))
    }

    /// Looks at what the sessions have moved since the last look.
    func countProgress() async {
        let now = Instant.now()
        await self.keepCredentials()
        await self.foldWhenIdle(at: now)
        if !self.unkept.isEmpty { Task { await self.keepBoots() } }
        defer { self.noteSilence(at: now) }
        if now.seconds(since: self.lastPing) >= Limits.pingSeconds {
            self.lastPing = now
            self.listeners.ping()
        }
        guard !self.running.targets.isEmpty else { return }
        let sessions = await self.seams.targets.sessions()
        self.rates.look(at: sessions, at: now)
        for session in sessions where !session.isDiscovery {
            guard let mac = self.chronicle.mac(ofInitiator: session.initiatorName) else { continue }
            self.tell(
                mac,
                .progress(
                    session: session.id, bytesRead: session.bytesRead, bytesWritten: session.bytesWritten,
                    idleSeconds: session.idleNanoseconds.map { Double($0) / 1e9 }),
                at: now)
        }
    }

    package func timeline(of client: String) throws(StoryFailure) -> TimelineReport {
        TimelineReport(now: .now(), story: try self.story(of: client))
    }

    func story(of client: String) throws(StoryFailure) -> MachineStory {
        guard let story = self.chronicle.story(ofClient: client) else {
            let known = self.configuration.boot.clients.map(\.name).sorted()
            throw .noSuchClient(.noSuchClient(client, known: known))
        }
        return story
    }

    /// The timeline now and whenever it changes; a watcher too slow to keep up gets the newest state.
    package func follow(_ client: String) throws(StoryFailure) -> AsyncStream<TimelineReport> {
        let report = try self.timeline(of: client)
        guard self.followers.count < Limits.followers else { throw .tooManyFollowers }
        let (stream, lines) = AsyncStream.makeStream(of: TimelineReport.self, bufferingPolicy: .bufferingNewest(1))
        let id = self.nextFollower
        self.nextFollower += 1
        self.followers[id] = Follower(mac: report.story.mac, lines: lines)
        lines.onTermination = { [weak self] _ in
            Task { await self?.removeFollower(id) }
        }
        lines.yield(report)
        return stream
    }

    package func report(_ milestone: Milestone, of client: String) throws(StoryFailure) -> TimelineReport {
        let mac = try self.timeline(of: client).story.mac
        self.tell(mac, .reported(milestone), at: .now())
        return try self.timeline(of: client)
    }

    private func removeFollower(_ id: Int) {
        self.followers[id] = nil
    }

    private func tell(_ mac: String, _ sight: Sight, at now: Instant) {
        let before = self.chronicle.machines[mac]?.boots.last?.mark
        self.chronicle.received(sight, mac: mac, at: now)
        if self.chronicle.machines[mac]?.boots.last?.mark != before { self.unkept.insert(mac) }
        if let story = self.chronicle.machines[mac] { self.tellFollowers(of: story, at: now) }
    }

    private func tellFollowers(of story: MachineStory, at now: Instant) {
        let standing = story.boots.last?.standing(at: now).words
        for (id, follower) in self.followers where follower.mac == story.mac {
            self.followers[id]?.standing = standing
            follower.lines.yield(TimelineReport(now: now, story: story))
        }
    }

    /// Tells those who watch a machine that has fallen silent: a boot that stops sends nothing.
    private func noteSilence(at now: Instant) {
        for follower in self.followers.values {
            guard let story = self.chronicle.machines[follower.mac], let boot = story.boots.last,
                boot.standing(at: now).words != follower.standing
            else { continue }
            self.tellFollowers(of: story, at: now)
        }
    }

    private func noteStranger(_ mac: String, at now: Instant) {
        guard self.unknownMachines.shouldLog(mac, at: now) else { return }
        self.logger.notice(
            "machine \(mac) asks to boot and is not configured; add it: apus client add NAME --mac \(mac) --image IMAGE"
        )
    }

    private func log(_ event: SessionEvent) {
        switch event {
        case .loggedIn(let session):
            self.logger.info("\(session.initiatorName) at \(session.remoteAddress) logged in \(session.errand)")
        case .loginRefused(let initiator, let target, let remote, let reason):
            self.logger.notice("login of \(initiator) at \(remote) to \(target) refused: \(reason)")
        case .firstRead:
            break
        case .loggedOut(let session, let reason):
            let traffic = Quantity.traffic(session.bytesRead, session.bytesWritten)
            self.logger.info("\(session.initiatorName) at \(session.remoteAddress) is gone (\(reason)): \(traffic)")
        }
    }

    /// The address of `10.0.0.5:38675` or `[fd00::5]:38675`.
    private static func host(_ remote: String) -> String {
        guard let colon = remote.lastIndex(of: ":") else { return remote }
        let host = remote[..<colon]
        return host.first == "[" ? String(host.dropFirst().dropLast()) : String(host)
    }
}

extension SessionSnapshot {
    /// What it is for, after "logged in".
    var errand: String {
        self.targetName.isEmpty ? "for discovery" : "to \(self.targetName)"
    }
}
