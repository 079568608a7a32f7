// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Reads one JSON object key by key, collecting every problem instead of stopping at the first.
///
/// What no key asked for stays in `remainder` and is written back as it was. An element of an array that cannot be
/// read is put aside there too: one broken entry neither sinks the others nor disappears from the file.
struct ObjectReader {
    /// Where this object is in the document: `targets[0].tpgs[1]`, empty for the document itself.
    let path: String
    private(set) var problems: [Problem] = []
    /// False once a key had a value of the wrong kind or a required one was absent.
    private(set) var isSound = true
    private(set) var remainder: Remainder

    init(_ members: [String: JSONValue], path: String) {
        self.path = path
        self.remainder = Remainder(unknown: members)
    }

    func path(of key: String) -> String {
        self.path.isEmpty ? key : "\(self.path).\(key)"
    }

    mutating func string(_ key: String) -> String? {
        self.take(key, "a string") { if case .string(let value) = $0 { value } else { nil } }
    }

    mutating func integer(_ key: String) -> Int? {
        self.take(key, "an integer") { if case .integer(let value) = $0 { value } else { nil } }
    }

    mutating func boolean(_ key: String) -> Bool? {
        self.take(key, "true or false") { if case .boolean(let value) = $0 { value } else { nil } }
    }

    mutating func object(_ key: String) -> [String: JSONValue]? {
        self.take(key, "an object") { if case .object(let value) = $0 { value } else { nil } }
    }

    /// An array of strings; empty when it is absent.
    mutating func strings(_ key: String) -> [String] {
        self.take(key, "an array of strings") { json in
            guard case .array(let values) = json else { return nil }
            let strings = values.compactMap { if case .string(let text) = $0 { text } else { nil } }
            return strings.count == values.count ? strings : nil
        } ?? []
    }

    mutating func required(_ key: String) -> String {
        if self.isAbsent(key) { self.fail(key, "this is missing", "add a string here, or remove the entry") }
        return self.string(key) ?? ""
    }

    mutating func required(integer key: String) -> Int {
        if self.isAbsent(key) { self.fail(key, "this is missing", "add an integer here, or remove the entry") }
        return self.integer(key) ?? 0
    }

    /// The object's elements that `read` can make sense of; the others are kept aside.
    mutating func elements<Element>(
        _ key: String, _ read: (inout ObjectReader) -> Element
    ) -> [Element] {
        guard
            let values = self.take(
                key, "an array", { if case .array(let value) = $0 { value } else { nil } })
        else { return [] }
        var elements: [Element] = []
        for (index, value) in values.enumerated() {
            let path = "\(self.path(of: key))[\(index)]"
            guard case .object(let members) = value else {
                self.problems.append(
                    .error(path, "\(value.kindName) stands where an object belongs", "remove it"))
                self.remainder.broken[key, default: []].append(value)
                continue
            }
            var reader = ObjectReader(members, path: path)
            let element = read(&reader)
            self.problems += reader.problems
            if reader.isSound {
                elements.append(element)
            } else {
                self.remainder.broken[key, default: []].append(value)
            }
        }
        return elements
    }

    /// The object under `key`, read by `read`; nil when it is absent or cannot be read (it is then kept aside).
    mutating func nested<Value>(_ key: String, _ read: (inout ObjectReader) -> Value) -> Value? {
        guard let members = self.object(key) else { return nil }
        var reader = ObjectReader(members, path: self.path(of: key))
        let value = read(&reader)
        self.problems += reader.problems
        guard reader.isSound else {
            self.remainder.unknown[key] = .object(members)
            return nil
        }
        return value
    }

    mutating func fail(_ key: String, _ cause: String, _ remedy: String) {
        self.problems.append(.error(self.path(of: key), cause, remedy))
        self.isSound = false
    }

    private func isAbsent(_ key: String) -> Bool {
        (self.remainder.unknown[key] ?? .null) == .null
    }

    private mutating func take<Value>(
        _ key: String, _ wanted: String, _ convert: (JSONValue) -> Value?
    ) -> Value? {
        guard let json = self.remainder.unknown[key], json != .null else { return nil }
        guard let value = convert(json) else {
            self.fail(key, "this is \(json.kindName), not \(wanted)", "write \(wanted) here")
            return nil
        }
        self.remainder.unknown[key] = nil
        return value
    }
}

/// What of a JSON object was not understood, kept to be written back.
package struct Remainder: Hashable, Sendable {
    /// Members whose keys Apus has no use for.
    package var unknown: [String: JSONValue]
    /// Elements of known arrays that could not be read, by the array's key.
    package var broken: [String: [JSONValue]] = [:]

    package init(unknown: [String: JSONValue] = [:]) {
        self.unknown = unknown
    }

    /// The object made of `members` and of what was kept.
    func object(_ members: [String: JSONValue?]) -> JSONValue {
        var result = self.unknown
        for case (let key, let value?) in members {
            result[key] = value
        }
        for (key, values) in self.broken {
            guard case .array(let good)? = result[key] else {
                result[key] = .array(values)
                continue
            }
            result[key] = .array(good + values)
        }
        return .object(result)
    }
}
