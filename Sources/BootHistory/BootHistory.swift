// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import BootStory
import Foundation
import GRDB

/// The boots of all machines, kept in an SQLite database over restarts of the daemon.
///
///     boot (mac, number) ─► client, begun, record        record: the BootRecord as JSON
///
/// A machine's last boots are kept, and of all machines' no more than a bound; what is older goes with the next write.
package final class BootHistory: Sendable {
    private let database: DatabaseQueue

    /// A boot, and whose it is.
    package struct Kept: Sendable, Hashable {
        package var mac: String
        package var client: String?
        package var boot: BootRecord

        package init(mac: String, client: String?, boot: BootRecord) {
            self.mac = mac
            self.client = client
            self.boot = boot
        }
    }

    /// The database as it was opened, and where one that was damaged has been put.
    package struct Opened: Sendable {
        package var history: BootHistory
        package var setAside: String?
    }

    /// Opens the database at `path`, or makes it. One that is damaged is put aside, and a new one made: history must never
    /// keep a machine from booting. Blocks while the file system does.
    package static func open(_ path: String) throws -> Opened {
        do {
            return Opened(history: try BootHistory(path), setAside: nil)
        } catch let error as DatabaseError where Self.isDamage(error) {
            let aside = path + ".damaged"
            for suffix in ["", "-wal", "-shm"] {
                let from = URL(filePath: path + suffix)
                let to = URL(filePath: aside + suffix)
                try? FileManager.default.removeItem(at: to)
                try? FileManager.default.moveItem(at: from, to: to)
            }
            return Opened(history: try BootHistory(path), setAside: aside)
        }
    }

    private static func isDamage(_ error: DatabaseError) -> Bool {
        [.SQLITE_NOTADB, .SQLITE_CORRUPT, .SQLITE_SCHEMA, .SQLITE_MISMATCH].contains(error.resultCode)
    }

    private init(_ path: String) throws {
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            // A crash may cost the last seconds' boots, never the file; and a boot waits for no disk.
            try database.execute(sql: "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        }
        configuration.busyMode = .timeout(5)
        self.database = try DatabaseQueue(path: path, configuration: configuration)
        try self.database.write { database in
            let finding = try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
            guard finding == "ok" else {
                throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: finding ?? "no answer to quick_check")
            }
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS boot (
                        mac TEXT NOT NULL, number INTEGER NOT NULL, client TEXT, begun INTEGER NOT NULL,
                        record TEXT NOT NULL, PRIMARY KEY (mac, number)) WITHOUT ROWID;
                    CREATE INDEX IF NOT EXISTS boot_begun ON boot (begun);
                    """)
        }
    }

    /// Keeps these boots as they now are, and lets go of what is beyond the bounds.
    package func keep(
        _ boots: [Kept], perMachine: Int = Limits.bootsPerMachine, total: Int = Limits.boots
    ) async throws {
        try await self.database.write { database in
            for kept in boots {
                let record = String(decoding: try JSONEncoder().encode(kept.boot), as: UTF8.self)
                try database.execute(
                    sql: "INSERT OR REPLACE INTO boot (mac, number, client, begun, record) VALUES (?, ?, ?, ?, ?)",
                    arguments: [kept.mac, kept.boot.number, kept.client, kept.boot.begun.milliseconds, record])
                try database.execute(
                    sql: "DELETE FROM boot WHERE mac = ? AND number <= ?",
                    arguments: [kept.mac, kept.boot.number - perMachine])
            }
            let excess = try (Int.fetchOne(database, sql: "SELECT COUNT(*) FROM boot") ?? 0) - total
            guard excess > 0 else { return }
            try database.execute(
                sql: """
                    DELETE FROM boot WHERE (mac, number) IN (SELECT mac, number FROM boot ORDER BY begun LIMIT ?)
                    """, arguments: [excess])
        }
    }

    /// The last boots of a machine, the oldest first. A record that cannot be read, as another version wrote it, is passed
    /// over.
    package func boots(of mac: String, last count: Int = Limits.bootsPerMachine) async throws -> [BootRecord] {
        let records = try await self.database.read { database in
            try String.fetchAll(
                database, sql: "SELECT record FROM boot WHERE mac = ? ORDER BY number DESC LIMIT ?",
                arguments: [mac, count])
        }
        return records.reversed().compactMap { try? JSONDecoder().decode(BootRecord.self, from: Data($0.utf8)) }
    }

    /// The machines that have boots here, by MAC, with the client that each was last.
    package func machines() async throws -> [String: String] {
        try await self.database.read { database in
            let rows = try Row.fetchAll(
                database, sql: "SELECT mac, client FROM boot WHERE client IS NOT NULL ORDER BY begun")
            return Dictionary(rows.map { ($0["mac"], $0["client"]) }) { _, last in last }
        }
    }
}
