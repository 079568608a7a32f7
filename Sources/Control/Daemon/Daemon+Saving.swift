// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import Logging
import Model

/// The configuration on its way to the disk.
extension Daemon {
    func save(_ configuration: Configuration) async throws {
        let (file, before, now) = (self.file, self.stored, Instant.now())
        self.stored = try await Self.blocking {
            guard file.mark() == before.mark else { throw ChangeFailure.editedByHand(file.path) }
            return try file.record(configuration, after: before, at: now.milliseconds / 1000)
        }
        self.foldTime =
            self.stored.journalled > 0 ? Instant(milliseconds: now.milliseconds + Limits.foldAfterMilliseconds) : nil
    }

    /// What a daemon that was killed has left of its journal.
    func lookAfterJournal() async {
        let file = self.file
        do {
            if let aside = try await Self.blocking({ try file.setJournalAside() }) {
                self.logger.warning(
                    "\(file.path) was replaced while changes of it were in its journal alone; the file is served, they are in \(aside)"
                )
            }
        } catch {
            self.logger.warning("\(error)")
        }
        if self.stored.journalled > 0 { self.foldTime = .now() }
    }

    /// Takes the journal into the file when no change has come for a while.
    func foldWhenIdle(at now: Instant) async {
        guard let time = self.foldTime, now >= time else { return }
        await self.inTurn { await $0.fold() }
    }

    func fold() async {
        let (file, stored) = (self.file, self.stored)
        self.foldTime = nil
        guard stored.journalled > 0 else { return }
        do {
            self.stored = try await Self.blocking {
                guard file.mark() == stored.mark else { throw ChangeFailure.editedByHand(file.path) }
                return try file.fold(stored)
            }
        } catch {
            // Nothing is lost: the journal has the changes.
            self.logger.warning("the last \(stored.journalled) changes are in the journal alone: \(error)")
            self.foldTime = Instant(milliseconds: Instant.now().milliseconds + Limits.foldAgainMilliseconds)
        }
    }
}
