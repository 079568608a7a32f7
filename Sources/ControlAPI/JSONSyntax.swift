// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore

/// Where a text stops being JSON (RFC 8259), in words: the decoder says only that it does, and whoever edits a
/// configuration by hand wants the line.
struct JSONSyntax {
    /// Line and column, from 1, and what was expected there.
    struct Flaw: Error, Equatable, CustomStringConvertible {
        var line: Int
        var column: Int
        var expected: String

        var description: String { "line \(self.line), column \(self.column): \(self.expected) is expected" }
    }

    private var bytes: ByteBufferView
    private var place: Int
    private var depth = 0

    private init(_ text: ByteBuffer) {
        self.bytes = text.readableBytesView
        self.place = self.bytes.startIndex
    }

    /// Nil where nothing is wrong with it.
    static func flaw(in text: ByteBuffer) -> Flaw? {
        var syntax = JSONSyntax(text)
        do throws(Flaw) {
            try syntax.value()
            syntax.skipBlanks()
            guard syntax.next == nil else { throw syntax.flaw("nothing more") }
            return nil
        } catch {
            return error
        }
    }

    private var next: UInt8? {
        self.place < self.bytes.endIndex ? self.bytes[self.place] : nil
    }

    private func flaw(_ expected: String) -> Flaw {
        let before = self.bytes[..<self.place]
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? before.startIndex
        return Flaw(
            line: 1 + before.count { $0 == UInt8(ascii: "\n") }, column: 1 + self.place - lineStart, expected: expected)
    }

    private mutating func skipBlanks() {
        while let next, [0x20, 0x09, 0x0a, 0x0d].contains(next) { self.place += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        self.skipBlanks()
        guard self.next == UInt8(ascii: character) else { return false }
        self.place += 1
        return true
    }

    private mutating func value() throws(Flaw) {
        self.skipBlanks()
        guard self.depth < Limits.jsonDepth else { throw self.flaw("an end of what is nested") }
        self.depth += 1
        defer { self.depth -= 1 }
        switch self.next {
        case UInt8(ascii: "{"): try self.list(until: "}") { syntax throws(Flaw) in try syntax.member() }
        case UInt8(ascii: "["): try self.list(until: "]") { syntax throws(Flaw) in try syntax.value() }
        case UInt8(ascii: "\""): try self.string()
        default: try self.word()
        }
    }

    private mutating func list(
        until end: Unicode.Scalar, _ element: (inout JSONSyntax) throws(Flaw) -> Void
    ) throws(Flaw) {
        self.place += 1
        if self.take(end) { return }
        repeat { try element(&self) } while self.take(",")
        guard self.take(end) else { throw self.flaw("a comma or \(end)") }
    }

    private mutating func member() throws(Flaw) {
        self.skipBlanks()
        guard self.next == UInt8(ascii: "\"") else { throw self.flaw("a key in quotation marks") }
        try self.string()
        guard self.take(":") else { throw self.flaw("a colon") }
        try self.value()
    }

    private mutating func string() throws(Flaw) {
        let start = self.place
        self.place += 1
        while let next, next != UInt8(ascii: "\"") {
            guard next >= 0x20 else { throw self.flaw("the string's quotation mark") }
            self.place += next == UInt8(ascii: "\\") ? 2 : 1
        }
        guard self.place < self.bytes.endIndex else {
            self.place = start
            throw self.flaw("an end of the string")
        }
        self.place += 1
    }

    /// true, false, null or a number.
    private mutating func word() throws(Flaw) {
        let start = self.place
        while let next, next > 0x20, !"{}[],:\"".utf8.contains(next) { self.place += 1 }
        let word = String(decoding: self.bytes[start..<self.place], as: UTF8.self)
        if ["true", "false", "null"].contains(word)
            || (word.first { $0 != "-" }?.isNumber == true && Double(word) != nil)
        {
            return
        }
        self.place = start
        throw self.flaw("a value")
    }
}
