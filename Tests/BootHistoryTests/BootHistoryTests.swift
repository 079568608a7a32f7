// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootHistory
import BootStory
import Foundation
import Testing

@Suite("Boots that are kept")
struct BootHistoryTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "apus-history-\(UUID())")

    init() throws {
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
    }

    private var path: String { self.folder.appending(path: "boots.sqlite").path }

    /// A machine with so many boots, of two minutes each.
    private func story(_ boots: Int, mac: String = "52:54:00:00:00:01") -> [BootHistory.Kept] {
        var story = MachineStory(mac: mac, client: "pc1")
        var kept: [BootHistory.Kept] = []
        for boot in 0..<boots {
            let start = Int64(boot) * 120_000
            story.received(.discover(architecture: 7, isIPXE: false), at: Instant(milliseconds: start))
            story.received(.offer(address: "10.0.0.5", bootFile: "x.efi"), at: Instant(milliseconds: start + 10))
            story.received(.script(method: "sanboot"), at: Instant(milliseconds: start + 20))
            kept += story.boots.last.map { [BootHistory.Kept(mac: mac, client: "pc1", boot: $0)] } ?? []
        }
        return kept
    }

    @Test func `they come back as they were, after a restart`() async throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        let boots = self.story(3)
        try await BootHistory.open(self.path).history.keep(boots)
        let opened = try BootHistory.open(self.path)
        #expect(opened.setAside == nil)
        #expect(try await opened.history.boots(of: "52:54:00:00:00:01", last: 10) == boots.map(\.boot))
        #expect(try await opened.history.boots(of: "52:54:00:00:00:01", last: 1).map(\.number) == [3])
        #expect(try await opened.history.machines() == ["52:54:00:00:00:01": "pc1"])
    }

    @Test func `a boot that went on takes the place of what it was`() async throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        let history = try BootHistory.open(self.path).history
        var boot = self.story(1)[0]
        try await history.keep([boot])
        boot.boot.method = "kernel"
        try await history.keep([boot])
        #expect(try await history.boots(of: boot.mac, last: 10).map(\.method) == ["kernel"])
    }

    @Test func `the oldest go, of each machine and of all`() async throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        let history = try BootHistory.open(self.path).history
        try await history.keep(self.story(9), perMachine: 4, total: 100)
        #expect(try await history.boots(of: "52:54:00:00:00:01", last: 100).map(\.number) == [6, 7, 8, 9])
        try await history.keep(self.story(9, mac: "52:54:00:00:00:02"), perMachine: 9, total: 5)
        #expect(
            try await history.boots(of: "52:54:00:00:00:01", last: 100).count
                + history.boots(of: "52:54:00:00:00:02", last: 100).count == 5)
        #expect(try await history.boots(of: "52:54:00:00:00:02", last: 1).map(\.number) == [9])
    }

    @Test(arguments: [
        "this is no database, though it is longer than its header would have to be. ", "SQLite format 3\u{0}",
    ])
    func `a damaged file is put aside, and a new one begun`(_ content: String) async throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        let bytes = Data(String(repeating: content, count: 300).utf8)
        try bytes.write(to: URL(filePath: self.path))
        let opened = try BootHistory.open(self.path)
        #expect(opened.setAside == self.path + ".damaged")
        #expect(try Data(contentsOf: URL(filePath: self.path + ".damaged")) == bytes)
        try await opened.history.keep(self.story(1))
        #expect(try await opened.history.boots(of: "52:54:00:00:00:01", last: 9).count == 1)
    }

    @Test func `a file that cannot be opened is an error, not the end`() {
        #expect(throws: (any Error).self) { try BootHistory.open("/nosuch/folder/boots.sqlite") }
    }
}
