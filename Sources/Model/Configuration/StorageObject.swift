// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A backstore, as rtslib writes it.
package struct StorageObject: Hashable, Sendable {
    /// `fileio`, `block`, `ramdisk`, `pscsi` or `user`.
    package var plugin: String
    package var name: String
    /// The unit serial number, a UUID; derived from the name where there is none.
    package var wwn: String?
    /// The file or device; a ramdisk has none.
    package var dev: String?
    /// Bytes.
    package var size: Int?
    package var readOnly: Bool?
    package var writeBack: Bool?
    /// A ramdisk that forgets what is written and reads as zeroes.
    package var nullIO: Bool?
    package var attributes: [String: JSONValue]?
    /// The target port groups that the file names; the default one exists in any case.
    package var aluaGroups: [ALUAGroup]
    package var remainder: Remainder

    package init(
        plugin: String, name: String, wwn: String? = nil, dev: String? = nil, size: Int? = nil,
        readOnly: Bool? = nil, writeBack: Bool? = nil, nullIO: Bool? = nil,
        attributes: [String: JSONValue]? = nil, aluaGroups: [ALUAGroup] = [], remainder: Remainder = Remainder()
    ) {
        self.plugin = plugin
        self.name = name
        self.wwn = wwn
        self.dev = dev
        self.size = size
        self.readOnly = readOnly
        self.writeBack = writeBack
        self.nullIO = nullIO
        self.attributes = attributes
        self.aluaGroups = aluaGroups
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            plugin: reader.required("plugin"), name: reader.required("name"), wwn: reader.string("wwn"),
            dev: reader.string("dev"), size: reader.integer("size"), readOnly: reader.boolean("readonly"),
            writeBack: reader.boolean("write_back"), nullIO: reader.boolean("nullio"),
            attributes: reader.object("attributes"), aluaGroups: reader.elements("alua_tpgs") { ALUAGroup(&$0) })
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        self.remainder.object([
            "plugin": .string(self.plugin),
            "name": .string(self.name),
            "wwn": self.wwn.map(JSONValue.string),
            "dev": self.dev.map(JSONValue.string),
            "size": self.size.map(JSONValue.integer),
            "readonly": self.readOnly.map(JSONValue.boolean),
            "write_back": self.writeBack.map(JSONValue.boolean),
            "nullio": self.nullIO.map(JSONValue.boolean),
            "attributes": self.attributes.map(JSONValue.object),
            "alua_tpgs": self.aluaGroups.isEmpty ? nil : .array(self.aluaGroups.map(\.json)),
        ])
    }

    /// Whether writes may be answered from a cache where no attribute says so.
    package var hasWriteCache: Bool {
        self.plugin == "block" || self.writeBack ?? false
    }

    /// How LUNs refer to it: `/backstores/block/sda`.
    package var path: String {
        "/backstores/\(self.plugin)/\(self.name)"
    }
}
