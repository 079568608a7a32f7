// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Model
import NIOCore
import Wire

/// The text of a journal: the changes of a large configuration that its file does not have yet, in order.
///
///     apus-journal 553012 8a1f00c3                the file that they follow: its bytes and their CRC32C
///     4be1c0d2 1795362363 {"storage_objects":…}   a change: the CRC32C of the rest of its line, when it was made, what
///     …
///
/// A line is written behind the others and made durable before its change is acknowledged. One that was cut off, or a
/// damaged one, is where the journal ends.
struct ConfigurationJournal {
    /// Which file a journal follows.
    struct Base: Hashable {
        var bytes: Int
        var checksum: UInt32

        init(_ text: ByteBuffer) {
            self.bytes = text.readableBytes
            self.checksum = ConfigurationJournal.checksum(text)
        }

        var line: ByteBuffer {
            ByteBuffer(string: "apus-journal \(self.bytes) \(ConfigurationJournal.hexadecimal(self.checksum))\n")
        }
    }

    struct Change {
        var seconds: Int64
        /// A `ConfigurationDifference`.
        var text: ByteBuffer
    }

    private(set) var changes: [Change] = []
    /// How much of the text is sound.
    private(set) var bytes = 0
    /// The first line.
    private(set) var follows = ByteBuffer()

    init(_ text: ByteBuffer) {
        var text = text
        let whole = text.readableBytes
        guard let first = Self.line(&text) else { return }
        self.follows = first
        self.bytes = whole - text.readableBytes
        while var line = Self.line(&text), let change = Self.change(&line) {
            self.changes.append(change)
            self.bytes = whole - text.readableBytes
        }
    }

    func follows(_ base: Base) -> Bool {
        self.follows == base.line.getSlice(at: 0, length: base.line.readableBytes - 1)
    }

    /// The line that adds a change.
    static func line(_ difference: ConfigurationDifference, at seconds: Int64) -> ByteBuffer {
        var rest = ByteBuffer(string: "\(seconds) ")
        rest.writeImmutableBuffer(JSONText.line(difference.json))
        var line = ByteBuffer(string: "\(Self.hexadecimal(Self.checksum(rest))) ")
        line.writeBuffer(&rest)
        line.writeStaticString("\n")
        return line
    }

    /// What `configuration` is after the first `count` changes; nil where they are not its own.
    func applied(to configuration: Configuration, first count: Int? = nil) -> Configuration? {
        var result = configuration
        for change in self.changes.prefix(count ?? self.changes.count) {
            guard let json = try? JSONText.read(JSONValue.self, from: change.text),
                let next = ConfigurationDifference(json)?.applied(to: result)
            else { return nil }
            result = next
        }
        return result
    }

    /// The next line without its end.
    private static func line(_ text: inout ByteBuffer) -> ByteBuffer? {
        guard let length = text.readableBytesView.firstIndex(of: 0x0a).map({ $0 - text.readerIndex }) else {
            return nil
        }
        let line = text.readSlice(length: length)
        text.moveReaderIndex(forwardBy: 1)
        return line
    }

    private static func change(_ line: inout ByteBuffer) -> Change? {
        guard let checksum = line.readString(length: 8).flatMap({ UInt32($0, radix: 16) }),
            line.readBytes(length: 1) == [0x20],
            Self.checksum(line) == checksum,
            let space = line.readableBytesView.firstIndex(of: 0x20),
            let seconds = line.readString(length: space - line.readerIndex).flatMap(Int64.init)
        else { return nil }
        line.moveReaderIndex(forwardBy: 1)
        return Change(seconds: seconds, text: line)
    }

    private static func checksum(_ text: ByteBuffer) -> UInt32 {
        CRC32C.checksum(text.readableBytesSpan)
    }

    private static func hexadecimal(_ checksum: UInt32) -> String {
        let digits = String(checksum, radix: 16)
        return String(repeating: "0", count: 8 - digits.utf8.count) + digits
    }
}
