// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The groups of settings that nodes have, with LIO's names and defaults.
enum TreeSettings {
    /// With four of our own: whence initiators may come, CHAP's algorithms, and where initiators are sent instead.
    static let portalGroupAttributes: [String: String] = [
        "allowed_networks": "", "authentication": "0", "cache_dynamic_acls": "0", "chap_algorithms": "8,7,6,5",
        "default_cmdsn_depth": "64", "default_erl": "0",
        "demo_mode_discovery": "1", "demo_mode_write_protect": "1", "fabric_prot_type": "0",
        "generate_node_acls": "0", "login_keys_workaround": "1", "login_timeout": "15", "netif_timeout": "2",
        "prod_mode_write_protect": "0", "redirect_address": "", "redirect_permanently": "0", "t10_pi": "0",
        "tpg_enabled_sendtargets": "1",
    ]

    /// LIO's, but for the lengths and InitialR2T, of which those make writes several times slower.
    static let portalGroupParameters: [String: String] = [
        "AuthMethod": "CHAP,None", "DataDigest": "CRC32C,None", "DataPDUInOrder": "Yes",
        "DataSequenceInOrder": "Yes", "DefaultTime2Retain": "20", "DefaultTime2Wait": "2",
        "ErrorRecoveryLevel": "0", "FirstBurstLength": "262144", "HeaderDigest": "CRC32C,None",
        "IFMarkInt": "Reject", "IFMarker": "No", "ImmediateData": "Yes", "InitialR2T": "No",
        "MaxBurstLength": "1048576", "MaxConnections": "1", "MaxOutstandingR2T": "1",
        "MaxRecvDataSegmentLength": "262144", "MaxXmitDataSegmentLength": "262144", "OFMarkInt": "Reject",
        "OFMarker": "No", "TargetAlias": "LIO Target",
    ]

    static let aclAttributes: [String: String] = [
        "allowed_networks": "", "authentication": "-1", "dataout_timeout": "3", "dataout_timeout_retries": "5",
        "default_erl": "0",
        "nopin_response_timeout": "30", "nopin_timeout": "15", "random_datain_pdu_offsets": "0",
        "random_datain_seq_offsets": "0", "random_r2t_offsets": "0",
    ]

    static let objectAttributes: [String: String] = [
        "alua_support": "1", "block_size": "512", "direct": "0", "emulate_3pc": "1", "emulate_caw": "1",
        "emulate_dpo": "1",
        "emulate_fua_read": "1", "emulate_fua_write": "1", "emulate_model_alias": "1", "emulate_pr": "1",
        "emulate_rest_reord": "0", "emulate_rsoc": "1", "emulate_tas": "0", "emulate_tpu": "1", "emulate_tpws": "1",
        "emulate_ua_intlck_ctrl": "0", "emulate_write_cache": "0", "encrypt": "0", "enforce_pr_isids": "1",
        "force_pr_aptpl": "0",
        "is_nonrot": "1", "max_unmap_block_desc_count": "0", "max_unmap_lba_count": "0", "max_write_same_len": "0",
        "optimal_sectors": "0", "pgr_support": "1", "pi_prot_format": "0", "pi_prot_type": "0",
        "pi_prot_verify": "0", "queue_depth": "0", "sparse": "1", "unmap_granularity": "0",
        "unmap_granularity_alignment": "0",
        "unmap_zeroes_data": "1",
    ]

    static let auth: [String: String] = [
        "userid": "", "password": "", "mutual_userid": "", "mutual_password": "",
    ]

    static let discovery: [String: String] = Self.auth.merging(["enable": "0"]) { own, _ in own }

    /// Of targetcli's preferences, what belongs to the configuration rather than to whoever uses the shell.
    static let global = ["max_backup_files": String(Limits.versionsKept)]

    /// The group of its backstore that a LUN is in.
    static let groupOfLUN = "alua_tg_pt_gp_name"

    /// All groups of settings, of which a node has some; `global` is the same wherever one stands.
    static let groups = ["alua", "attribute", "auth", "discovery_auth", "parameter"]

    /// Where the present values of a group are; nil where the node has no such group.
    static func defaults(of group: String, at location: TreeLocation) -> [String: String]? {
        switch (location, group) {
        case (.group, "attribute"): Self.portalGroupAttributes
        case (.group, "parameter"): Self.portalGroupParameters
        case (.acl, "attribute"): Self.aclAttributes
        case (.object, "attribute"): Self.objectAttributes
        case (.aluaGroup, "alua"): ALUAGroup.defaults.mapValues(String.init)
        case (.lun, "alua"): [Self.groupOfLUN: ALUAGroup.defaultName]
        case (.acl, "auth"), (.group, "auth"): Self.auth
        case (.iscsi, "discovery_auth"): Self.discovery
        case (_, "global"): Self.global
        default: nil
        }
    }

    /// The group's key in the saved entry; credentials stand in the entry itself.
    static func key(of group: String) -> String {
        group == "parameter" ? "parameters" : "attributes"
    }
}

extension Configuration {
    /// The settings of a group as `get` shows them; nil where the node has no such group.
    package func settings(_ group: String, at path: TreePath) -> [String: String]? {
        guard let location = self.location(of: path) else { return nil }
        guard var values = TreeSettings.defaults(of: group, at: location) else { return nil }
        if case .object(let index) = location {
            values["emulate_write_cache"] = self.storageObjects[index].hasWriteCache ? "1" : "0"
        }
        for name in values.keys {
            if let value = self.setting(name, of: group, at: location) { values[name] = value }
        }
        return values
    }

    /// The groups of settings that the node has; nil where there is no node.
    package func settingGroups(at path: TreePath) -> [String]? {
        self.location(of: path).map { location in
            TreeSettings.groups.filter { TreeSettings.defaults(of: $0, at: location) != nil }
        }
    }

    /// What is saved of the node at `path`; nil for nodes that only hold others.
    package func savedEntry(at path: TreePath) -> JSONValue? {
        switch self.location(of: path) {
        case .target(let index): self.targets[index].json
        case .portal(let index, let portal): self[index].portals[portal].json
        case .mappedLUN(let index, let acl, let lun): self[index].nodeACLs[acl].mappedLUNs[lun].json
        case let location?: self.entry(at: location)
        case nil: nil
        }
    }

    private func setting(_ name: String, of group: String, at location: TreeLocation) -> String? {
        if group == "global" { return self.versionsKept.map(String.init) }
        if location == .iscsi {
            guard name != "enable" else { return self.wantsDiscoveryAuthentication ? "1" : "0" }
            return self.iscsiFabric["discovery_\(name)"]?.plainText
        }
        guard case .object(let members)? = self.entry(at: location) else { return nil }
        if group == "alua" { return members[name]?.plainText }
        if group == "auth" { return members["chap_\(name)"]?.plainText }
        guard case .object(let values)? = members[TreeSettings.key(of: group)] else { return nil }
        return values[name]?.plainText
    }

    private func entry(at location: TreeLocation) -> JSONValue? {
        switch location {
        case .object(let index): self.storageObjects[index].json
        case .aluaGroup(let index, let name):
            self.storageObjects[index].effectiveALUAGroups.first { $0.name == name }?.json
        case .group(let index): self[index].json
        case .lun(let index, let lun): self[index].luns[lun].json
        case .acl(let index, let acl): self[index].nodeACLs[acl].json
        default: nil
        }
    }
}

extension TreeEditor {
    mutating func set(at location: TreeLocation, _ arguments: inout TreeArguments) throws(TreeRefusal) {
        let group = try arguments.required("group")
        guard let known = TreeSettings.defaults(of: group, at: location) else {
            throw TreeRefusal("Unknown configuration group: \(group); set lists those that are here")
        }
        let assignments = arguments.assignments()
        guard !assignments.isEmpty else { throw TreeRefusal("nothing to set: write set \(group) name=value") }
        for (name, value) in assignments {
            guard known[name] != nil else {
                throw TreeRefusal(
                    "Unknown parameter \(name) in group '\(group)'; set \(group) lists those that there are")
            }
            switch location {
            case _ where group == "global": try self.keepVersions(value)
            case .aluaGroup(let index, let groupName):
                try self.assignALUA(name, value, ofGroup: groupName, of: index)
            case .lun(let index, let lun): try self.assignALUAGroup(value, to: lun, in: index)
            default:
                if let domain = SettingDomain(of: name, in: group), known[name] != value, !domain.contains(value) {
                    throw TreeRefusal("Not setting \(name)! '\(value)' is not \(domain)")
                }
                self.assign(name, value, in: group, at: location)
            }
            let shown = name.hasSuffix("password") ? JSONValue.hiddenSecret : value
            self.messages.append("Parameter \(name) is now '\(shown)'.")
        }
    }

    private mutating func keepVersions(_ value: String) throws(TreeRefusal) {
        guard let count = Int(value), (1...Limits.mostVersionsKept).contains(count) else {
            throw TreeRefusal(
                "Not setting max_backup_files! '\(value)' is not a number from 1 to \(Limits.mostVersionsKept)")
        }
        self.configuration.versionsKept = count
    }

    private mutating func assign(_ name: String, _ value: String, in group: String, at location: TreeLocation) {
        let json = group == "parameter" ? JSONValue.string(value) : Int(value).map(JSONValue.integer) ?? .string(value)
        switch (location, group) {
        case (.object(let index), _):
            self.configuration.storageObjects[index].attributes = Self.adding(
                name, json, to: self.configuration.storageObjects[index].attributes)
        case (.group(let index), "parameter"):
            self.configuration[index].parameters = Self.adding(name, json, to: self.configuration[index].parameters)
        case (.group(let index), "auth"):
            self.configuration[index].remainder.unknown["chap_\(name)"] = .string(value)
        case (.group(let index), _):
            self.configuration[index].attributes = Self.adding(name, json, to: self.configuration[index].attributes)
        case (.iscsi, _):
            self.configuration.iscsiFabric[name == "enable" ? "discovery_enable_auth" : "discovery_\(name)"] =
                name == "enable" ? .boolean(["1", "true", "yes"].contains(value.lowercased())) : .string(value)
        case (.acl(let index, let acl), _):
            for member in self.configuration[index].members(with: acl) {
                if group == "auth" {
                    self.assignCredential(name, value, in: index, member)
                } else {
                    self.assignAttribute(name, json, in: index, member)
                }
            }
        default: break
        }
    }

    private mutating func assignAttribute(_ name: String, _ value: JSONValue, in index: GroupIndex, _ acl: Int) {
        var attributes: [String: JSONValue]?
        if case .object(let present)? = self.configuration[index].nodeACLs[acl].remainder.unknown["attributes"] {
            attributes = present
        }
        self.configuration[index].nodeACLs[acl].remainder.unknown["attributes"] = .object(
            Self.adding(name, value, to: attributes))
    }

    private mutating func assignCredential(_ name: String, _ value: String, in index: GroupIndex, _ acl: Int) {
        switch name {
        case "userid": self.configuration[index].nodeACLs[acl].chapUserID = value
        case "password": self.configuration[index].nodeACLs[acl].chapPassword = value
        default: self.configuration[index].nodeACLs[acl].remainder.unknown["chap_\(name)"] = .string(value)
        }
    }

    private static func adding(
        _ name: String, _ value: JSONValue, to values: [String: JSONValue]?
    ) -> [String: JSONValue] {
        (values ?? [:]).merging([name: value]) { _, new in new }
    }
}

extension JSONValue {
    /// A scalar as the shell writes it.
    var plainText: String? {
        switch self {
        case .string(let text): text
        case .integer(let number): String(number)
        case .number(let number): String(number)
        case .boolean(let isTrue): isTrue ? "1" : "0"
        case .null, .array, .object: nil
        }
    }
}
