// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import NIOCore

/// Writes a document as text, keys in order: a configuration of ten thousand LUNs is ten megabytes of it, written with
/// every change.
struct JSONWriter {
    private(set) var text = ByteBuffer()
    private let isPretty: Bool
    private var depth: Int

    /// - Parameter depth: how deep in its document the value is.
    init(isPretty: Bool, depth: Int = 0) {
        self.isPretty = isPretty
        self.depth = depth
    }

    /// Writes a whole document, an object, with elements that are text already before those of its arrays.
    mutating func write(_ document: JSONValue, inserting texts: [String: [ByteBuffer]]) {
        guard case .object(let members) = document else { return self.write(document) }
        self.list("{", "}", members.sorted { $0.key < $1.key }) { writer, member in
            writer.write(key: member.key)
            guard let texts = texts[member.key], case .array(let values) = member.value else {
                return writer.write(member.value)
            }
            writer.list("[", "]", texts.map(Element.text) + values.map(Element.value)) { writer, element in
                switch element {
                case .text(let text): writer.text.writeImmutableBuffer(text)
                case .value(let value): writer.write(value)
                }
            }
        }
        self.text.writeStaticString("\n")
    }

    private enum Element {
        case text(ByteBuffer)
        case value(JSONValue)
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: self.text.writeStaticString("null")
        case .boolean(let value): self.text.writeString(value ? "true" : "false")
        case .integer(let value): self.text.writeString(String(value))
        case .number(let value): self.text.writeString(value.isFinite ? "\(value)" : "null")
        case .string(let value): self.write(value)
        case .array(let values):
            self.list("[", "]", values) { writer, value in writer.write(value) }
        case .object(let members):
            self.list("{", "}", members.sorted { $0.key < $1.key }) { writer, member in
                writer.write(key: member.key)
                writer.write(member.value)
            }
        }
    }

    private mutating func write(key: String) {
        self.write(key)
        self.text.writeStaticString(self.isPretty ? " : " : ":")
    }

    private mutating func list<Element>(
        _ open: StaticString, _ close: StaticString, _ elements: [Element],
        _ write: (inout JSONWriter, Element) -> Void
    ) {
        self.text.writeStaticString(open)
        self.depth += 1
        for (index, element) in elements.enumerated() {
            if index > 0 { self.text.writeStaticString(",") }
            self.breakLine()
            write(&self, element)
        }
        self.depth -= 1
        if !elements.isEmpty { self.breakLine() }
        self.text.writeStaticString(close)
    }

    private mutating func breakLine() {
        guard self.isPretty else { return }
        self.text.writeStaticString("\n")
        self.text.writeRepeatingByte(UInt8(ascii: " "), count: self.depth * 2)
    }

    /// RFC 8259 §7: quotation mark, reverse solidus and control characters are escaped.
    private mutating func write(_ string: String) {
        self.text.writeStaticString("\"")
        if string.utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }) {
            for byte in string.utf8 { self.writeEscaped(byte) }
        } else {
            self.text.writeString(string)
        }
        self.text.writeStaticString("\"")
    }

    private mutating func writeEscaped(_ byte: UInt8) {
        switch byte {
        case 0x22: self.text.writeStaticString("\\\"")
        case 0x5C: self.text.writeStaticString("\\\\")
        case 0x0A: self.text.writeStaticString("\\n")
        case 0x0D: self.text.writeStaticString("\\r")
        case 0x09: self.text.writeStaticString("\\t")
        case ..<0x20:
            self.text.writeString("\\u00\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))")
        default: self.text.writeInteger(byte)
        }
    }
}
