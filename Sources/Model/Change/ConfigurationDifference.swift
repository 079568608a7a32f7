// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What makes one configuration of another. Where they differ in a few neighbouring entries it is small, however large
/// they are.
package struct ConfigurationDifference: Hashable, Sendable {
    /// A run of a list's entries that gives way to others.
    struct Splice<Entry: Hashable & Sendable>: Hashable, Sendable {
        var place: Int
        var removed: Int
        var inserted: [Entry]

        /// Nil where both are the same.
        init?(from old: [Entry], to new: [Entry]) {
            let common = min(old.count, new.count)
            var start = 0
            while start < common, old[start] == new[start] { start += 1 }
            guard start < max(old.count, new.count) else { return nil }
            var end = 0
            while end < common - start, old[old.count - 1 - end] == new[new.count - 1 - end] { end += 1 }
            self.init(place: start, removed: old.count - start - end, inserted: Array(new[start..<(new.count - end)]))
        }

        init(place: Int, removed: Int, inserted: [Entry]) {
            self.place = place
            self.removed = removed
            self.inserted = inserted
        }

        /// Nil where `entries` are too few to have been what it was made from.
        func applied(to entries: [Entry]) -> [Entry]? {
            guard (0...entries.count).contains(self.place), (0...(entries.count - self.place)).contains(self.removed)
            else { return nil }
            var result = entries
            result.replaceSubrange(self.place..<(self.place + self.removed), with: self.inserted)
            return result
        }
    }

    private var storageObjects: Splice<StorageObject>?
    private var targets: Splice<Target>?
    /// All else, whole, where it differs.
    private var rest: Configuration?

    package init(from old: Configuration, to new: Configuration) {
        self.storageObjects = Splice(from: old.storageObjects, to: new.storageObjects)
        self.targets = Splice(from: old.targets, to: new.targets)
        let rest = new.withoutEntries
        if rest != old.withoutEntries { self.rest = rest }
    }

    /// What `old` becomes; nil where the difference is none from it.
    package func applied(to old: Configuration) -> Configuration? {
        var result = self.rest ?? old
        result.storageObjects = old.storageObjects
        result.targets = old.targets
        if let splice = self.storageObjects {
            guard let entries = splice.applied(to: old.storageObjects) else { return nil }
            result.storageObjects = entries
        }
        if let splice = self.targets {
            guard let entries = splice.applied(to: old.targets) else { return nil }
            result.targets = entries
        }
        return result
    }
}

extension ConfigurationDifference {
    package var json: JSONValue {
        var members: [String: JSONValue] = [:]
        members["storage_objects"] = self.storageObjects.map { $0.json(\.json) }
        members["targets"] = self.targets.map { $0.json(\.json) }
        members["rest"] = self.rest?.json
        return .object(members)
    }

    /// `json`'s counterpart; nil where it is none.
    package init?(_ json: JSONValue) {
        guard case .object(let members) = json else { return nil }
        do throws(NoDifference) {
            self.storageObjects = try Splice(members["storage_objects"], "storage_objects", \.storageObjects)
            self.targets = try Splice(members["targets"], "targets", \.targets)
        } catch {
            return nil
        }
        self.rest = members["rest"].map { Configuration.read($0).configuration }
    }
}

private struct NoDifference: Error {}

extension ConfigurationDifference.Splice {
    fileprivate func json(_ json: (Entry) -> JSONValue) -> JSONValue {
        .object([
            "place": .integer(self.place), "removed": .integer(self.removed),
            "inserted": .array(self.inserted.map(json)),
        ])
    }

    fileprivate init?(
        _ json: JSONValue?, _ key: String, _ entries: (Configuration) -> [Entry]
    ) throws(NoDifference) {
        guard let json else { return nil }
        guard case .object(let members) = json, case .integer(let place)? = members["place"],
            case .integer(let removed)? = members["removed"], case .array(let inserted)? = members["inserted"]
        else { throw NoDifference() }
        // Read as they would be in a file of their own.
        let read = entries(Configuration.read(.object([key: .array(inserted)])).configuration)
        guard read.count == inserted.count else { throw NoDifference() }
        self.init(place: place, removed: removed, inserted: read)
    }
}

extension Configuration {
    fileprivate var withoutEntries: Configuration {
        var rest = self
        rest.storageObjects = []
        rest.targets = []
        return rest
    }
}
