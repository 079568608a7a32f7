// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Model
import NIOCore

extension ConfigurationFile {
    /// A configuration that was.
    package struct Version: Sendable, Hashable {
        package var number: Int
        /// The file that it was, or that it was `changes` changes after.
        package var path: String
        package var modifiedSeconds: Int64
        var journalPath: String?
        var changes = 0
    }

    /// A file of the history, and the changes that followed it.
    private struct Kept {
        var number: Int
        var path: String
        /// Nil where none followed it.
        var journalPath: String?
        var times: [Int64] = []

        var versions: [Version] {
            let first = Version(
                number: self.number, path: self.path,
                modifiedSeconds: SystemFiles.modifiedNanoseconds(self.path) / 1_000_000_000)
            return [first]
                + self.times.enumerated().map { index, seconds in
                    Version(
                        number: self.number + 1 + index, path: self.path, modifiedSeconds: seconds,
                        journalPath: self.journalPath, changes: index + 1)
                }
        }
    }

    /// What the configuration was before, the oldest first.
    package func history() -> [Version] {
        let kept = self.kept()
        var versions = kept.flatMap(\.versions)
        guard let present = self.present(number: (versions.last?.number ?? 0) + 1) else { return versions }
        // The last of these is what is now.
        versions += present.versions.dropLast()
        return versions
    }

    /// The number that the present configuration will have once it is history.
    package var generation: Int {
        (self.history().last?.number ?? 0) + 1
    }

    /// What the configuration was as `version`.
    func load(_ version: Version) throws(FileProblem) -> Configuration {
        let configuration = try Self.load(version.path).configuration
        guard let journalPath = version.journalPath else { return configuration }
        let text: ByteBuffer
        do {
            text = try SystemFiles.read(journalPath)
        } catch {
            throw FileProblem("read \(journalPath)", error)
        }
        guard let changed = ConfigurationJournal(text).applied(to: configuration, first: version.changes) else {
            throw FileProblem(.badContent, "\(journalPath) does not fit \(version.path)")
        }
        return changed
    }

    /// The last number that the files of the history have.
    var lastKept: Int {
        guard let last = self.numbers().last else { return 0 }
        return self.kept(last).versions.last?.number ?? last
    }

    func historyPath(_ number: Int, _ kind: String) -> String {
        let digits = String(number)
        return "\(self.historyFolder)/\(String(repeating: "0", count: max(0, 6 - digits.utf8.count)))\(digits).\(kind)"
    }

    var historyFolder: String { self.path + ".history" }

    /// Whether the file at `path` is one of the last of the history by another name.
    func isInHistory(_ path: String) -> Bool {
        guard let own = SystemFiles.inode(path), let last = self.numbers().last else { return false }
        return SystemFiles.inode(self.historyPath(last, "changes")) == own
    }

    private func numbers() -> [Int] {
        SystemFiles.names(in: self.historyFolder).compactMap { name in
            name.hasSuffix(".json") ? Int(name.dropLast(5)) : nil
        }.sorted()
    }

    private func kept() -> [Kept] {
        self.numbers().map(self.kept)
    }

    private func kept(_ number: Int) -> Kept {
        var kept = Kept(number: number, path: self.historyPath(number, "json"))
        // Somebody may have put a file there by a shorter name.
        if !SystemFiles.exists(kept.path) { kept.path = "\(self.historyFolder)/\(number).json" }
        let journalPath = self.historyPath(number, "changes")
        if SystemFiles.exists(journalPath), let text = try? SystemFiles.read(journalPath) {
            kept.journalPath = journalPath
            kept.times = ConfigurationJournal(text).changes.map(\.seconds)
        }
        return kept
    }

    /// The file that is there with the changes of its journal; nil where it has none.
    private func present(number: Int) -> Kept? {
        guard SystemFiles.exists(self.journalPath), let text = try? SystemFiles.read(self.path),
            let journal = self.journal(following: ConfigurationJournal.Base(text)), !journal.changes.isEmpty
        else { return nil }
        return Kept(
            number: number, path: self.path, journalPath: self.journalPath, times: journal.changes.map(\.seconds))
    }

    /// Removes the versions beyond the newest `count`. Of a large configuration fewer are kept, but ten in any case.
    func prune(keeping count: Int) {
        var bytes: Int64 = 0
        var newer = 0
        for kept in self.kept().reversed() {
            let files = [kept.path, kept.journalPath].compactMap(\.self)
            bytes += files.reduce(0) { $0 + SystemFiles.bytes($1) }
            let isCheap = newer < Limits.versionsKeptOfAnySize || bytes <= Limits.historyBytes
            defer { newer += kept.versions.count }
            guard newer >= count || !isCheap else { continue }
            // One that cannot be removed now is removed the next time.
            for file in files { try? SystemFiles.remove(file) }
        }
    }
}
