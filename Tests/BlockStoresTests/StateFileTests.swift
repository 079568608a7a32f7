// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import NIOCore
import Testing

@Suite("StateFile")
struct StateFileTests {
    let folder: TemporaryFolder

    init() throws {
        self.folder = try TemporaryFolder()
    }

    @Test func `what was written last is read`() throws {
        let file = StateFile(path: self.folder.file("a.state"))
        #expect(try file.read(limit: 100) == nil)
        try file.write(ByteBuffer(string: "one, and longer"))
        try file.write(ByteBuffer(string: "two"))
        #expect(try file.read(limit: 100) == ByteBuffer(string: "two"))
        #expect(try file.read(limit: 2) == ByteBuffer(string: "two"))
        #expect(try file.read(limit: 1) == ByteBuffer(string: "tw"))
    }

    @Test func `what an interrupted writer left behind is not read, and is written over`() throws {
        let file = StateFile(path: self.folder.file("a.state"))
        try StateFile(path: self.folder.file("a.state.new")).write(ByteBuffer(string: "half of someth"))
        #expect(try file.read(limit: 100) == nil)
        try file.write(ByteBuffer(string: "whole"))
        #expect(try file.read(limit: 100) == ByteBuffer(string: "whole"))
    }

    @Test func `names become names of files in the folder`() {
        #expect(StateFile(name: "fileio/a", in: "/s").path == "/s/fileio%2fa.state")
        #expect(StateFile(name: "../a%2f", in: "/s").path == "/s/..%2fa%252f.state")
        #expect(StateFile(name: "client:pc 1", in: "/s").path == "/s/client:pc%201.state")
    }

    @Test func `a folder that is not there is an error that names the file`() {
        let file = StateFile(path: self.folder.file("none/a.state"))
        #expect(throws: BlockError.self) { try file.write(ByteBuffer(string: "x")) }
        do {
            try file.write(ByteBuffer(string: "x"))
        } catch {
            #expect("\(error)".contains("none/a.state: No such file or directory"))
        }
    }
}
