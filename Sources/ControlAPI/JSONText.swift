// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import FoundationEssentials
package import Model
package import NIOCore

/// JSON as text: the one place that knows how it is written and read.
package enum JSONText {
    /// One line, for the wire.
    package static func line(_ value: some Encodable) throws -> ByteBuffer {
        try Self.encode(value, [.sortedKeys, .withoutEscapingSlashes])
    }

    /// A whole document, one line.
    package static func line(_ value: JSONValue) -> ByteBuffer {
        var writer = JSONWriter(isPretty: false)
        writer.write(value)
        return writer.text
    }

    /// A whole document, indented.
    package static func pretty(_ value: JSONValue) -> ByteBuffer {
        var writer = JSONWriter(isPretty: true)
        writer.write(value)
        var text = writer.text
        text.writeString("\n")
        return text
    }

    /// Indented, for files and people.
    package static func pretty(_ value: some Encodable) throws -> ByteBuffer {
        var text = try Self.encode(value, [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        text.writeString("\n")
        return text
    }

    package static func read<Value: Decodable>(_ type: Value.Type, from text: ByteBuffer) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(text.readableBytesView))
        } catch let error as DecodingError {
            throw JSONTextError(error, in: text)
        }
    }

    private static func encode(
        _ value: some Encodable, _ format: JSONEncoder.OutputFormatting
    ) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = format
        return ByteBuffer(bytes: try encoder.encode(value))
    }
}

/// Why a text is not the JSON that was expected.
package struct JSONTextError: Error, CustomStringConvertible {
    package var description: String

    init(_ error: DecodingError, in text: ByteBuffer) {
        // What is no JSON may be told as a value of the wrong kind.
        if let flaw = JSONSyntax.flaw(in: text) {
            self.description = "\(flaw)"
            return
        }
        switch error {
        case .dataCorrupted(let context): self.description = context.debugDescription
        case .keyNotFound(let key, let context):
            self.description = "\(Self.path(context.codingPath + [key])) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            self.description = "\(Self.path(context.codingPath)): \(context.debugDescription)"
        @unknown default:
            self.description = "\(error)"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.reduce(into: "") { text, key in
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
            }
        }
    }
}
