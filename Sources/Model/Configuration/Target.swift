// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A target and its portal groups, as rtslib writes them.
package struct Target: Hashable, Sendable {
    /// `iscsi`; other fabrics are kept and not served.
    package var fabric: String
    package var wwn: String
    package var portalGroups: [PortalGroup]
    package var remainder: Remainder

    package init(
        fabric: String = "iscsi", wwn: String, portalGroups: [PortalGroup] = [PortalGroup()],
        remainder: Remainder = Remainder()
    ) {
        self.fabric = fabric
        self.wwn = wwn
        self.portalGroups = portalGroups
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            fabric: reader.required("fabric"), wwn: reader.required("wwn"),
            portalGroups: reader.elements("tpgs") { PortalGroup(&$0) })
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        self.remainder.object([
            "fabric": .string(self.fabric),
            "wwn": .string(self.wwn),
            "tpgs": .array(self.portalGroups.map(\.json)),
        ])
    }
}

/// A target portal group (TPG).
package struct PortalGroup: Hashable, Sendable {
    package var tag: Int
    /// Absent means enabled.
    package var enable: Bool?
    package var attributes: [String: JSONValue]?
    package var parameters: [String: JSONValue]?
    package var luns: [LUN]
    package var nodeACLs: [NodeACL]
    package var portals: [NetworkPortal]
    package var remainder: Remainder

    package init(
        tag: Int = 1, enable: Bool? = true, attributes: [String: JSONValue]? = nil,
        parameters: [String: JSONValue]? = nil, luns: [LUN] = [], nodeACLs: [NodeACL] = [],
        portals: [NetworkPortal] = [], remainder: Remainder = Remainder()
    ) {
        self.tag = tag
        self.enable = enable
        self.attributes = attributes
        self.parameters = parameters
        self.luns = luns
        self.nodeACLs = nodeACLs
        self.portals = portals
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            tag: reader.required(integer: "tag"), enable: reader.boolean("enable"),
            attributes: reader.object("attributes"), parameters: reader.object("parameters"),
            luns: reader.elements("luns") { LUN(&$0) },
            nodeACLs: reader.elements("node_acls") { NodeACL(&$0) },
            portals: reader.elements("portals") { NetworkPortal(&$0) })
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        self.remainder.object([
            "tag": .integer(self.tag),
            "enable": self.enable.map(JSONValue.boolean),
            "attributes": self.attributes.map(JSONValue.object),
            "parameters": self.parameters.map(JSONValue.object),
            "luns": .array(self.luns.map(\.json)),
            "node_acls": .array(self.nodeACLs.map(\.json)),
            "portals": .array(self.portals.map(\.json)),
        ])
    }

    /// An attribute that LIO writes as an integer, `fallback` where it is absent.
    package func attribute(_ name: String, default fallback: Int) -> Int {
        switch self.attributes?[name] {
        case .integer(let value): value
        case .boolean(let value): value ? 1 : 0
        default: fallback
        }
    }

    /// Whether initiators without an ACL may log in (LIO's demo mode).
    package var isDemoMode: Bool {
        self.attribute("generate_node_acls", default: 0) != 0
    }
}

/// A logical unit number of a portal group.
package struct LUN: Hashable, Sendable {
    package var index: Int
    /// `/backstores/block/sda`.
    package var storageObject: String
    /// The name of the backstore's target port group that this portal group is in for it; nil for the default one.
    package var aluaGroup: String?
    package var remainder: Remainder

    package init(
        index: Int, storageObject: String, aluaGroup: String? = nil, remainder: Remainder = Remainder()
    ) {
        self.index = index
        self.storageObject = storageObject
        self.aluaGroup = aluaGroup
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            index: reader.required(integer: "index"), storageObject: reader.required("storage_object"),
            aluaGroup: reader.string("alua_tg_pt_gp_name"))
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        self.remainder.object([
            "index": .integer(self.index), "storage_object": .string(self.storageObject),
            "alua_tg_pt_gp_name": self.aluaGroup.map(JSONValue.string),
        ])
    }
}

/// An initiator that may log in (a node ACL), and the LUNs that it sees.
package struct NodeACL: Hashable, Sendable {
    package var nodeWWN: String
    package var mappedLUNs: [MappedLUN]
    package var chapUserID: String?
    package var chapPassword: String?
    /// The name under which the tree shows this ACL together with all others of the portal group that have it.
    package var tag: String?
    package var remainder: Remainder

    package init(
        nodeWWN: String, mappedLUNs: [MappedLUN] = [], chapUserID: String? = nil,
        chapPassword: String? = nil, tag: String? = nil, remainder: Remainder = Remainder()
    ) {
        self.nodeWWN = nodeWWN
        self.mappedLUNs = mappedLUNs
        self.chapUserID = chapUserID
        self.chapPassword = chapPassword
        self.tag = tag
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            nodeWWN: reader.required("node_wwn"), mappedLUNs: reader.elements("mapped_luns") { MappedLUN(&$0) },
            chapUserID: reader.string("chap_userid"), chapPassword: reader.string("chap_password"),
            tag: reader.string("tag").flatMap { $0.isEmpty ? nil : $0 })
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        self.remainder.object([
            "node_wwn": .string(self.nodeWWN),
            "mapped_luns": .array(self.mappedLUNs.map(\.json)),
            "chap_userid": self.chapUserID.map(JSONValue.string),
            "chap_password": self.chapPassword.map(JSONValue.string),
            "tag": self.tag.map(JSONValue.string),
        ])
    }
}

/// A LUN as one initiator sees it.
package struct MappedLUN: Hashable, Sendable {
    package var index: Int
    /// The portal group's LUN that stands behind it.
    package var tpgLUN: Int
    package var writeProtect: Bool?
    package var remainder: Remainder

    package init(index: Int, tpgLUN: Int, writeProtect: Bool? = nil, remainder: Remainder = Remainder()) {
        self.index = index
        self.tpgLUN = tpgLUN
        self.writeProtect = writeProtect
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            index: reader.required(integer: "index"), tpgLUN: reader.required(integer: "tpg_lun"),
            writeProtect: reader.boolean("write_protect"))
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        self.remainder.object([
            "index": .integer(self.index), "tpg_lun": .integer(self.tpgLUN),
            "write_protect": self.writeProtect.map(JSONValue.boolean),
        ])
    }
}

/// An address that a portal group accepts connections on.
package struct NetworkPortal: Hashable, Sendable {
    /// Numeric; LIO writes IPv6 with or without brackets.
    package var ipAddress: String
    package var port: Int
    package var remainder: Remainder

    package init(ipAddress: String, port: Int = 3260, remainder: Remainder = Remainder()) {
        self.ipAddress = ipAddress
        self.port = port
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(ipAddress: reader.required("ip_address"), port: reader.required(integer: "port"))
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        self.remainder.object(["ip_address": .string(self.ipAddress), "port": .integer(self.port)])
    }
}
