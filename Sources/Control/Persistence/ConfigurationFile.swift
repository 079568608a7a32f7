// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Glibc
package import Model
import NIOCore
import SystemPackage

/// The configuration on disk, and the versions that came before it.
///
///     saveconfig.json            the configuration, mode 0600
///     saveconfig.json.new        the next one while it is written; ignored and overwritten
///     saveconfig.json.journal    changes of a large one that are not in the file yet
///     saveconfig.json.lock       held by whoever may write: the daemon, or a command while none runs
///     saveconfig.json.history/   000001.json, 000002.json …: what it was before, the highest number last;
///                                000002.changes is the journal that followed 000002.json: versions 3, 4 …
///
/// Writing: new file, fsync, the old one gets its name in the history, rename, fsync of the folder. Whenever it is
/// interrupted, either the old or the new configuration is there, whole.
///
/// A large file is not written anew for each change, which would make the ten thousandth LUN cost more than the first: the
/// change becomes a line of the journal, and soon after the last one, or when they are many, the file is written with all of
/// them. Until then both together are the configuration. A journal whose first line does not name the file's content has
/// been taken into the file already, or the file has been replaced since: it is no part of the configuration.
package struct ConfigurationFile: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// What is on disk, as the next change has to know it.
    package struct Stored: Sendable {
        package fileprivate(set) var mark: Mark?
        package fileprivate(set) var configuration = Configuration()
        /// How many changes of it are in the journal alone.
        package fileprivate(set) var journalled = 0
        /// What was put into words last.
        fileprivate var text = ConfigurationText()
        fileprivate var base: ConfigurationJournal.Base?
        fileprivate var journalBytes = 0

        package init() {}
    }

    /// A configuration that was read from disk.
    package struct Opened: Sendable {
        package var stored: Stored
        package var problems: [Problem]
    }

    /// Reads what is on disk; the empty configuration where there is no file yet.
    package func open() throws(FileProblem) -> Opened {
        var stored = Stored()
        stored.mark = self.mark()
        guard stored.mark != nil else { return Opened(stored: stored, problems: []) }
        let text = try Self.text(self.path)
        var (configuration, problems) = try Self.read(text, self.path)
        let base = ConfigurationJournal.Base(text)
        stored.base = base
        if let journal = self.journal(following: base), !journal.changes.isEmpty {
            guard let changed = journal.applied(to: configuration) else {
                throw FileProblem(
                    .badContent, "\(self.journalPath) does not fit \(self.path); remove it to lose the changes in it")
            }
            // As they would be in the file, with what cannot be read of it.
            (configuration, problems) = Configuration.read(changed.json)
            stored.journalled = journal.changes.count
            stored.journalBytes = journal.bytes
        }
        stored.configuration = configuration
        return Opened(stored: stored, problems: problems)
    }

    /// What is on disk; the empty configuration where there is no file yet.
    package func load() throws(FileProblem) -> (configuration: Configuration, problems: [Problem]) {
        let opened = try self.open()
        return (opened.stored.configuration, opened.problems)
    }

    /// Reads any configuration file.
    package static func load(
        _ path: String
    ) throws(FileProblem) -> (configuration: Configuration, problems: [Problem]) {
        try Self.read(try Self.text(path), path)
    }

    private static func text(_ path: String) throws(FileProblem) -> ByteBuffer {
        do {
            return try SystemFiles.read(path)
        } catch {
            throw FileProblem("read \(path)", error)
        }
    }

    private static func read(
        _ text: ByteBuffer, _ path: String
    ) throws(FileProblem) -> (configuration: Configuration, problems: [Problem]) {
        do {
            return Configuration.read(try JSONText.read(JSONValue.self, from: text))
        } catch {
            throw FileProblem(.badContent, "\(path) is not JSON: \(error)")
        }
    }

    /// The change that puts the configuration of the file at `path` in the place of the present one.
    package static func change(from path: String) throws(FileProblem) -> Change {
        let (configuration, problems) = try Self.load(path)
        return .replace(configuration, unreadable: problems)
    }

    /// Writes a copy, secrets included, that only its owner may read. A file that is there is replaced as a whole.
    package static func export(_ configuration: Configuration, to path: String) throws(FileProblem) {
        do {
            let temporary = path + ".new"
            try SystemFiles.writeSecret(JSONText.pretty(configuration.json), to: temporary)
            try SystemFiles.rename(temporary, to: path)
        } catch {
            throw FileProblem("write \(path)", error)
        }
    }

    /// Makes `configuration` the one on disk, in the file itself; durable when it returns.
    package func save(_ configuration: Configuration) throws(FileProblem) {
        _ = try self.write(configuration, after: self.open().stored)
    }

    /// Makes `configuration` the one on disk, in the file or as a line of its journal; durable when it returns.
    ///
    /// - Parameter seconds: what time it is, since 1970.
    package func record(
        _ configuration: Configuration, after stored: Stored, at seconds: Int64
    ) throws(FileProblem) -> Stored {
        if let stored = try self.append(configuration, after: stored, at: seconds) { return stored }
        return try self.write(configuration, after: stored)
    }

    /// Takes the changes of the journal into the file.
    package func fold(_ stored: Stored) throws(FileProblem) -> Stored {
        try self.write(stored.configuration, after: stored)
    }

    /// Nil where the file is to be written instead.
    private func append(
        _ configuration: Configuration, after stored: Stored, at seconds: Int64
    ) throws(FileProblem) -> Stored? {
        guard let base = stored.base, base.bytes >= Limits.journalledFileBytes else { return nil }
        let difference = ConfigurationDifference(from: stored.configuration, to: configuration)
        var line = ConfigurationJournal.line(difference, at: seconds)
        guard line.readableBytes <= Limits.journalLineBytes,
            stored.journalBytes + line.readableBytes <= max(base.bytes / 4, Limits.journalledFileBytes)
        else { return nil }
        var text = ByteBuffer()
        if stored.journalBytes == 0 { text = base.line }
        text.writeBuffer(&line)
        do {
            // One that does not follow this file may be in the history by another name.
            if stored.journalBytes == 0, SystemFiles.exists(self.journalPath) {
                try SystemFiles.remove(self.journalPath)
            }
            try SystemFiles.writeSecret(text, to: self.journalPath, at: stored.journalBytes)
            if stored.journalBytes == 0 {
                try SystemFiles.giveToOwnerOfFolder(self.journalPath)
                try SystemFiles.syncFolder(SystemFiles.folder(of: self.path))
            }
        } catch {
            throw FileProblem("write \(self.journalPath)", error)
        }
        var result = stored
        result.configuration = configuration
        result.journalled += 1
        result.journalBytes += text.readableBytes
        return result
    }

    private func write(_ configuration: Configuration, after stored: Stored) throws(FileProblem) -> Stored {
        var result = Stored()
        result.configuration = configuration
        result.text = stored.text
        let text = result.text.text(of: configuration)
        result.base = ConfigurationJournal.Base(text)
        let temporary = self.path + ".new"
        do {
            if !SystemFiles.exists(self.historyFolder) {
                try SystemFiles.makeFolder(self.historyFolder, mode: 0o700)
                try SystemFiles.giveToOwnerOfFolder(self.historyFolder)
            }
            try SystemFiles.writeSecret(text, to: temporary)
            try SystemFiles.giveToOwnerOfFolder(temporary)
            if SystemFiles.exists(self.path) {
                let number = self.lastKept + 1
                try SystemFiles.link(self.path, self.historyPath(number, "json"))
                if stored.journalled > 0 {
                    try SystemFiles.link(self.journalPath, self.historyPath(number, "changes"))
                }
                try SystemFiles.syncFolder(self.historyFolder)
            }
            try SystemFiles.rename(temporary, to: self.path)
            try SystemFiles.syncFolder(SystemFiles.folder(of: self.path))
        } catch {
            // Half of it on a full disk would be in the way of everything else.
            try? SystemFiles.remove(temporary)
            throw FileProblem("write \(self.path)", error)
        }
        // One that stays follows another file than the one that is there now.
        if SystemFiles.exists(self.journalPath) { try? SystemFiles.remove(self.journalPath) }
        self.prune(keeping: configuration.versionsKept ?? Model.Limits.versionsKept)
        result.mark = self.mark()
        return result
    }

    /// The journal, where there is one of the file with this content.
    func journal(following base: ConfigurationJournal.Base) -> ConfigurationJournal? {
        guard SystemFiles.exists(self.journalPath), let text = try? SystemFiles.read(self.journalPath) else {
            return nil
        }
        let journal = ConfigurationJournal(text)
        return journal.follows(base) ? journal : nil
    }

    /// Puts a journal aside that holds changes of another file than the one that is there.
    ///
    /// - Returns: its new name; nil where there is none.
    package func setJournalAside() throws(FileProblem) -> String? {
        guard SystemFiles.exists(self.journalPath) else { return nil }
        do {
            let base = ConfigurationJournal.Base(try SystemFiles.read(self.path))
            guard self.journal(following: base) == nil else { return nil }
            if self.isInHistory(self.journalPath) {
                // The daemon was ended after it had taken the changes into the file.
                try SystemFiles.remove(self.journalPath)
                return nil
            }
            let aside = self.journalPath + ".unused"
            try SystemFiles.rename(self.journalPath, to: aside)
            return aside
        } catch {
            throw FileProblem("put \(self.journalPath) aside", error)
        }
    }

    var journalPath: String { self.path + ".journal" }

    /// Which file is there, to notice that somebody else has put another one in its place.
    package struct Mark: Hashable, Sendable {
        var inode: UInt64
        var size: Int64
        var modifiedNanoseconds: Int64
    }

    /// Nil where there is no file.
    package func mark() -> Mark? {
        guard let status = try? FilePath(self.path).stat() else { return nil }
        return Mark(
            inode: UInt64(status.inode.rawValue), size: status.size,
            modifiedNanoseconds: SystemFiles.modifiedNanoseconds(self.path))
    }
}
