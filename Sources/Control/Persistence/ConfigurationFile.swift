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
///     saveconfig.json.lock       held by whoever may write: the daemon, or a command while none runs
///     saveconfig.json.history/   000001.json, 000002.json …: what it was before, the highest number last
///
/// Writing: new file, fsync, the old one gets its name in the history, rename, fsync of the folder. Whenever it is
/// interrupted, either the old or the new configuration is there, whole.
package struct ConfigurationFile: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    /// A configuration that was.
    package struct Version: Sendable, Hashable {
        package var number: Int
        package var path: String
        package var modifiedSeconds: Int64
        var bytes: Int64
    }

    /// What is on disk; the empty configuration where there is no file yet.
    package func load() throws(FileProblem) -> (configuration: Configuration, problems: [Problem]) {
        guard SystemFiles.exists(self.path) else { return (Configuration(), []) }
        return try Self.load(self.path)
    }

    /// Reads any configuration file.
    package static func load(
        _ path: String
    ) throws(FileProblem) -> (configuration: Configuration, problems: [Problem]) {
        let text: ByteBuffer
        do {
            text = try SystemFiles.read(path)
        } catch {
            throw FileProblem("read \(path)", error)
        }
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

    /// Makes `configuration` the one on disk; durable when it returns.
    package func save(_ configuration: Configuration) throws(FileProblem) {
        var text = ConfigurationText()
        try self.save(text.text(of: configuration), keeping: configuration.versionsKept)
    }

    /// Makes a configuration, as `ConfigurationText` has it, the one on disk; durable when it returns.
    ///
    /// - Parameter versions: how many of those before are kept; nil for as many as is usual.
    func save(_ text: ByteBuffer, keeping versions: Int?) throws(FileProblem) {
        let folder = SystemFiles.folder(of: self.path)
        let temporary = self.path + ".new"
        do {
            if !SystemFiles.exists(self.historyFolder) {
                try SystemFiles.makeFolder(self.historyFolder, mode: 0o700)
                try SystemFiles.giveToOwnerOfFolder(self.historyFolder)
            }
            try SystemFiles.writeSecret(text, to: temporary)
            try SystemFiles.giveToOwnerOfFolder(temporary)
            if SystemFiles.exists(self.path) {
                try SystemFiles.link(self.path, self.historyPath((self.history().last?.number ?? 0) + 1))
                try SystemFiles.syncFolder(self.historyFolder)
            }
            try SystemFiles.rename(temporary, to: self.path)
            try SystemFiles.syncFolder(folder)
        } catch {
            // Half of it on a full disk would be in the way of everything else.
            try? SystemFiles.remove(temporary)
            throw FileProblem("write \(self.path)", error)
        }
        self.prune(keeping: versions ?? Model.Limits.versionsKept)
    }

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

    /// What the configuration was before, the oldest first.
    package func history() -> [Version] {
        SystemFiles.names(in: self.historyFolder).compactMap { name in
            guard name.hasSuffix(".json"), let number = Int(name.dropLast(5)) else { return nil }
            let path = "\(self.historyFolder)/\(name)"
            return Version(
                number: number, path: path, modifiedSeconds: SystemFiles.modifiedNanoseconds(path) / 1_000_000_000,
                bytes: SystemFiles.bytes(path))
        }.sorted { $0.number < $1.number }
    }

    /// The number that the present configuration will have once it is history.
    package var generation: Int {
        (self.history().last?.number ?? 0) + 1
    }

    private var historyFolder: String { self.path + ".history" }

    private func historyPath(_ number: Int) -> String {
        let digits = String(number)
        return "\(self.historyFolder)/\(String(repeating: "0", count: max(0, 6 - digits.utf8.count)))\(digits).json"
    }

    /// Removes the versions beyond the newest `count`. Of a large configuration fewer are kept, but ten in any case.
    private func prune(keeping count: Int) {
        var bytes: Int64 = 0
        for (age, version) in self.history().reversed().enumerated() {
            bytes += version.bytes
            let isCheap = age < Limits.versionsKeptOfAnySize || bytes <= Limits.historyBytes
            guard age >= count || !isCheap else { continue }
            // One that cannot be removed now is removed the next time.
            try? SystemFiles.remove(version.path)
        }
    }
}
