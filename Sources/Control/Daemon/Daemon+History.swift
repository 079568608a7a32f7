// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootHistory
import BootStory
package import ControlAPI
import Logging
import Model

/// Boots that outlive the daemon. Nothing here is waited for by a machine that boots.
extension Daemon {
    private var historyPath: String { self.options.stateFolder + "/boots.sqlite" }

    /// Opens the database and takes over the last boots of the machines that are configured.
    func openHistory() async {
        let path = self.historyPath
        do {
            let opened = try await Self.blocking {
                try SystemFiles.makeFolder(SystemFiles.folder(of: path), mode: 0o755)
                return try BootHistory.open(path)
            }
            if let aside = opened.setAside {
                self.logger.warning(
                    "the boots that were kept in \(path) were damaged and are put aside as \(aside); new ones are kept from now on"
                )
            }
            self.history = opened.history
            try await self.restoreBoots(from: opened.history)
        } catch {
            self.logger.warning("boots are not kept over a restart, for \(path) does not serve: \(error)")
        }
    }

    private func restoreBoots(from history: BootHistory) async throws {
        self.configureChronicle()
        let names = Set(self.configuration.boot.clients.map(\.name))
        for (mac, client) in try await history.machines() where names.contains(client) {
            let boots = try await history.boots(of: mac, last: BootStory.Limits.bootsPerMachine)
            self.chronicle.restore(boots, mac: mac)
            // One that is known by something else than its MAC is taken for what it was last.
            if self.chronicle.story(ofClient: client)?.mac.isEmpty == true { self.chronicle.found(client, mac: mac) }
        }
    }

    /// Writes what is new of boots, one write at a time.
    func keepBoots() async {
        guard let history = self.history, !self.isKeeping, !self.unkept.isEmpty else { return }
        self.isKeeping = true
        defer { self.isKeeping = false }
        let macs = self.unkept
        self.unkept = []
        let kept = macs.flatMap { mac -> [BootHistory.Kept] in
            // A machine that nobody configured may be anyone's, and there may be any number of them.
            guard let story = self.chronicle.machines[mac], let client = story.client else { return [] }
            // The earlier ones, too: several may have ended since the last write.
            return story.boots.map { BootHistory.Kept(mac: mac, client: client, boot: $0) }
        }
        guard !kept.isEmpty else { return }
        do {
            try await history.keep(kept)
        } catch {
            // The next change of these boots tries again; one word a minute will do.
            let now = Instant.now()
            guard now.seconds(since: self.lastHistoryComplaint) >= 60 else { return }
            self.lastHistoryComplaint = now
            self.logger.warning("boots are not being kept in \(self.historyPath): \(error)")
        }
    }

    /// The machine's boots, the oldest first, in short.
    package func boots(of client: String) async throws(StoryFailure) -> [BootSummary] {
        let story = try self.story(of: client)
        let now = Instant.now()
        let known = story.boots.map(\.number)
        let earlier = try await self.kept(story.mac).filter { !known.contains($0.number) }
        return (earlier + story.boots).map { boot in
            let isLast = boot.number == story.boots.last?.number
            return BootSummary(
                number: boot.number, begun: boot.begun, firmware: boot.firmware, method: boot.method,
                address: boot.address, stage: boot.stage, entries: boot.entries.count,
                outcome: isLast ? boot.standing(at: now).words : boot.outcome)
        }
    }

    /// One boot of the machine, as the only one of its story.
    package func timeline(of client: String, boot number: Int) async throws(StoryFailure) -> TimelineReport {
        var story = try self.story(of: client)
        let kept = try await self.kept(story.mac)
        guard let boot = story.boots.first(where: { $0.number == number }) ?? kept.first(where: { $0.number == number })
        else {
            let numbers = (kept + story.boots).map(\.number)
            let known = numbers.min().flatMap { first in numbers.max().map { first...$0 } }
            throw .noSuchBoot(number, of: client, known: known)
        }
        story.boots = [boot]
        return TimelineReport(now: .now(), story: story)
    }

    private func kept(_ mac: String) async throws(StoryFailure) -> [BootRecord] {
        do {
            return try await self.history?.boots(of: mac) ?? []
        } catch {
            throw .historyFails("\(error)")
        }
    }
}
