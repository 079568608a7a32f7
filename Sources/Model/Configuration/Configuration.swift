// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// All that the daemon is to do: LIO's `saveconfig.json` plus `boot`.
///
/// Every change of what runs is a change of this value: validate, expand, diff, apply, persist. Keys that LIO or a
/// later version writes and this one has no use for are kept and written back.
package struct Configuration: Hashable, Sendable {
    package var storageObjects: [StorageObject]
    package var targets: [Target]
    package var boot: Boot
    /// `max_backup_files`: how many earlier versions are kept; nil for as many as is usual.
    package var versionsKept: Int?
    package var remainder: Remainder

    package init(
        storageObjects: [StorageObject] = [], targets: [Target] = [], boot: Boot = Boot(),
        versionsKept: Int? = nil, remainder: Remainder = Remainder()
    ) {
        self.versionsKept = versionsKept
        self.storageObjects = storageObjects
        self.targets = targets
        self.boot = boot
        self.remainder = remainder
    }

    /// Reads a document; what cannot be read is reported with its path and kept aside.
    package static func read(_ json: JSONValue) -> (configuration: Configuration, problems: [Problem]) {
        guard case .object(let members) = json else {
            let problem = Problem.error(
                "", "the document is \(json.kindName), not an object", "begin it with { and end it with }")
            return (Configuration(), [problem])
        }
        var reader = ObjectReader(members, path: "")
        var configuration = Configuration(
            storageObjects: reader.elements("storage_objects") { StorageObject(&$0) },
            targets: reader.elements("targets") { Target(&$0) },
            boot: reader.nested("boot") { Boot(&$0) } ?? Boot(), versionsKept: reader.integer("max_backup_files"))
        configuration.remainder = reader.remainder
        return (configuration, reader.problems)
    }

    /// The document, `read`'s counterpart.
    package var json: JSONValue {
        self.remainder.object([
            "storage_objects": .array(self.storageObjects.map(\.json)),
            "targets": .array(self.targets.map(\.json)),
            "boot": self.boot.json,
            "max_backup_files": self.versionsKept.map(JSONValue.integer),
        ])
    }
}
