// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import Model
import NIOCore
import SystemPackage
import Testing

@testable import Control

@Suite("Journal of a large configuration")
struct ConfigurationJournalTests {
    private let folder: TemporaryFolder
    private let file: ConfigurationFile
    /// Large enough to be journalled.
    private let large = Configuration(
        storageObjects: (0..<40).map {
            StorageObject(
                plugin: "fileio", name: "disk\($0)", dev: "/" + String(repeating: "x", count: 2000), size: 1 << 20)
        })

    init() throws {
        self.folder = try TemporaryFolder()
        self.file = ConfigurationFile(path: self.folder.path + "/c.json")
    }

    private func with(_ count: Int) -> Configuration {
        var result = self.large
        for number in 0..<count {
            result.storageObjects.append(StorageObject(plugin: "ramdisk", name: "more\(number)", size: 1 << 20))
        }
        return result
    }

    /// The large one with so many changes behind it, which are in the journal alone.
    private func journalled(_ count: Int) throws -> ConfigurationFile.Stored {
        try self.file.save(self.large)
        var stored = try self.file.open().stored
        for number in 1...count {
            stored = try self.file.record(self.with(number), after: stored, at: 1000 + Int64(number))
        }
        return stored
    }

    private var bytes: ByteBuffer {
        get throws { try SystemFiles.read(self.file.path) }
    }

    @Test func `a change leaves the file as it is, and is loaded with it`() throws {
        try self.file.save(self.large)
        let before = try self.bytes
        let stored = try self.journalled(3)
        #expect(try self.bytes == before)
        #expect(stored.journalled == 3)
        let opened = try self.file.open()
        #expect(opened.stored.configuration == self.with(3))
        #expect(opened.stored.journalled == 3)
        #expect(try FilePath(self.file.journalPath).stat().permissions == .ownerReadWrite)
        // And the next one goes on there.
        _ = try self.file.record(self.with(4), after: opened.stored, at: 2000)
        #expect(try self.file.load().configuration == self.with(4))
    }

    @Test func `a small configuration is always whole in its file`() throws {
        try self.file.save(Configuration())
        let stored = try self.file.record(
            Configuration(boot: Boot(clients: [disk("pc1", 1)])), after: self.file.open().stored, at: 0)
        #expect(stored.journalled == 0)
        #expect(!SystemFiles.exists(self.file.journalPath))
    }

    @Test func `wherever the journal is cut off, it ends with the last whole change`() throws {
        _ = try self.journalled(3)
        let journal = try SystemFiles.read(self.file.journalPath)
        let ends = journal.readableBytesView.enumerated().filter { $0.element == 0x0a }.map { $0.offset + 1 }
        #expect(ends.count == 4)
        for length in 0...journal.readableBytes {
            #expect(unsafe truncate(self.file.journalPath, length) == 0 || length == journal.readableBytes)
            let changes = max(0, ends.count { $0 <= length } - 1)
            let opened = try self.file.open()
            #expect(opened.stored.journalled == changes, "cut off at \(length)")
            #expect(opened.stored.configuration.storageObjects.count == 40 + changes)
            if length % 97 == 0 {
                // What is cut off is in nobody's way.
                _ = try self.file.record(self.with(7), after: opened.stored, at: 0)
                #expect(try self.file.load().configuration == self.with(7), "cut off at \(length)")
            }
            try SystemFiles.writeSecret(journal, to: self.file.journalPath)
        }
    }

    @Test func `a damaged change and those behind it are none`() throws {
        _ = try self.journalled(3)
        var journal = try SystemFiles.read(self.file.journalPath)
        let last = journal.readableBytes - 20
        journal.setInteger(UInt8(ascii: "x"), at: last)
        try SystemFiles.writeSecret(journal, to: self.file.journalPath)
        #expect(try self.file.load().configuration == self.with(2))
    }

    @Test func `folding takes the changes into the file and leaves no journal`() throws {
        let stored = try self.file.fold(try self.journalled(3))
        #expect(stored.journalled == 0)
        #expect(!SystemFiles.exists(self.file.journalPath))
        #expect(try ConfigurationFile.load(self.file.path).configuration == self.with(3))
    }

    @Test func `every version of the journal can be had again, before and after it is folded`() throws {
        let stored = try self.journalled(3)
        #expect(self.file.generation == 4)
        for fold in [false, true] {
            if fold { _ = try self.file.fold(stored) }
            let history = self.file.history()
            #expect(history.map(\.number) == (fold ? [1, 2, 3, 4] : [1, 2, 3]))
            #expect(history.dropFirst().map(\.modifiedSeconds) == (fold ? [1001, 1002, 1003] : [1001, 1002]))
            for (index, version) in history.enumerated() {
                #expect(try self.file.load(version) == self.with(index))
            }
        }
        #expect(self.file.generation == 5)
    }

    @Test func `a journal that was folded counts no more, even if it is still there`() throws {
        let stored = try self.journalled(2)
        try SystemFiles.link(self.file.journalPath, self.file.journalPath + ".kept")
        _ = try self.file.fold(stored)
        // As a daemon leaves it that is killed before it has removed it.
        try SystemFiles.rename(self.file.journalPath + ".kept", to: self.file.journalPath)
        let opened = try self.file.open()
        #expect(opened.stored.journalled == 0)
        #expect(opened.stored.configuration == self.with(2))
        // The history's own is not written over.
        _ = try self.file.record(self.with(3), after: opened.stored, at: 0)
        #expect(try self.file.load(self.file.history()[1]) == self.with(1))
        #expect(try self.file.load().configuration == self.with(3))
        #expect(try self.file.setJournalAside() == nil)
    }

    @Test func `a file that was replaced is served without the journal, which is put aside`() throws {
        _ = try self.journalled(2)
        try write("{}", to: self.file.path)
        #expect(try self.file.load().configuration == Configuration())
        #expect(try self.file.setJournalAside() == self.file.journalPath + ".unused")
        #expect(!SystemFiles.exists(self.file.journalPath))
        #expect(try self.file.setJournalAside() == nil)
    }

    @Test func `what is large itself goes into the file`() throws {
        try self.file.save(self.large)
        var all = self.large
        for index in all.storageObjects.indices { all.storageObjects[index].size = 2 << 20 }
        let stored = try self.file.record(all, after: self.file.open().stored, at: 0)
        #expect(stored.journalled == 0)
        #expect(try ConfigurationFile.load(self.file.path).configuration == all)
    }

    @Test func `changes without end are folded now and then`() throws {
        try self.file.save(self.large)
        var stored = try self.file.open().stored
        var folded = 0
        for number in 0..<1000 {
            let next = try self.file.record(self.with(number % 7), after: stored, at: 0)
            if next.journalled == 0 { folded += 1 }
            stored = next
        }
        #expect((1...20).contains(folded))
        #expect(try self.file.load().configuration == self.with(999 % 7))
    }
}
