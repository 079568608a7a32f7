// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Model
package import NIOCore

/// A configuration as the text of its file. Backstores and targets that the text before had as well are not put into
/// words again.
package struct ConfigurationText: Sendable {
    private var objects: [StorageObject] = []
    private var objectTexts: [ByteBuffer] = []
    private var targets: [Target] = []
    private var targetTexts: [ByteBuffer] = []

    package init() {}

    /// The same as `JSONText.pretty` makes of `configuration.json`.
    package mutating func text(of configuration: Configuration) -> ByteBuffer {
        self.objectTexts = Self.texts(of: configuration.storageObjects, after: self.objects, self.objectTexts, \.json)
        self.objects = configuration.storageObjects
        self.targetTexts = Self.texts(of: configuration.targets, after: self.targets, self.targetTexts, \.json)
        self.targets = configuration.targets
        var rest = configuration
        rest.storageObjects = []
        rest.targets = []
        var writer = JSONWriter(isPretty: true)
        writer.write(rest.json, inserting: ["storage_objects": self.objectTexts, "targets": self.targetTexts])
        return writer.text
    }

    private static func texts<Entry: Equatable>(
        of entries: [Entry], after earlier: [Entry], _ texts: [ByteBuffer], _ json: (Entry) -> JSONValue
    ) -> [ByteBuffer] {
        zip(entries, Unchanged.counterparts(entries, earlier)).map { entry, place in
            if let place { return texts[place] }
            // As an element of an array in the document.
            var writer = JSONWriter(isPretty: true, depth: 2)
            writer.write(json(entry))
            return writer.text
        }
    }
}
