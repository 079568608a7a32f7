// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A target port group of a backstore (ALUA), as rtslib writes it: how well the ports whose LUNs name it reach the
/// backstore.
package struct ALUAGroup: Hashable, Sendable {
    package var name: String
    /// 0…65535; 0 is the default group's.
    package var id: Int
    /// `alua_access_state` and the others, as rtslib writes them.
    package var settings: [String: JSONValue]

    package init(name: String, id: Int, settings: [String: JSONValue] = [:]) {
        self.name = name
        self.id = id
        self.settings = settings
    }

    init(_ reader: inout ObjectReader) {
        let name = reader.required("name")
        let id = reader.required(integer: "tg_pt_gp_id")
        self.init(name: name, id: id, settings: reader.remainder.unknown)
    }

    package var json: JSONValue {
        .object(
            self.settings.merging(["name": .string(self.name), "tg_pt_gp_id": .integer(self.id)]) { _, own in own })
    }

    /// The group that every backstore has, and that LUNs are in which name no other.
    package static let defaultName = "default_tg_pt_gp"

    /// The settings, with LIO's defaults.
    package static let defaults: [String: Int] = [
        "alua_access_state": 0, "alua_access_status": 0, "alua_access_type": 3, "alua_support_active_optimized": 1,
        "alua_support_active_nonoptimized": 1, "alua_support_standby": 1, "alua_support_unavailable": 1,
        "alua_support_offline": 1, "alua_support_transitioning": 1, "alua_write_metadata": 0,
        "implicit_trans_secs": 0, "nonop_delay_msecs": 100, "preferred": 0, "trans_delay_msecs": 0,
    ]

    package func setting(_ name: String) -> Int {
        switch self.settings[name] {
        case .integer(let value): value
        case .boolean(let isTrue): isTrue ? 1 : 0
        default: Self.defaults[name] ?? 0
        }
    }

    /// The states, as `alua_access_state` counts them and the tree names them.
    package static let stateNames: [Int: String] = [
        0: "Active/optimized", 1: "Active/non-optimized", 2: "Standby", 3: "Unavailable", 14: "Offline",
        15: "Transitioning",
    ]

    /// The setting that tells whether the group can be in a state.
    static let supportSettings: [Int: String] = [
        0: "alua_support_active_optimized", 1: "alua_support_active_nonoptimized", 2: "alua_support_standby",
        3: "alua_support_unavailable", 14: "alua_support_offline", 15: "alua_support_transitioning",
    ]

    /// Why `name` cannot be set to `value`, nil where it can.
    package static func flaw(_ name: String, _ value: Int) -> String? {
        switch name {
        case "alua_access_state" where Self.stateNames[value] == nil:
            "write 0 (active/optimized), 1 (active/non-optimized), 2 (standby), 3 (unavailable), 14 (offline) "
                + "or 15 (transitioning)"
        case "alua_access_type" where !(0...3).contains(value):
            "write 0 (none), 1 (implicit), 2 (explicit) or 3 (implicit and explicit)"
        case "implicit_trans_secs" where !(0...255).contains(value): "write 0 to 255 seconds"
        case "trans_delay_msecs" where !(0...Limits.transitionMilliseconds).contains(value):
            "write 0 to \(Limits.transitionMilliseconds) milliseconds"
        case "preferred" where value != 0 && value != 1: "write 0 or 1"
        case _ where name.hasPrefix("alua_support_") && value != 0 && value != 1: "write 0 or 1"
        default: nil
        }
    }
}

extension StorageObject {
    /// The groups, the default one among them.
    package var effectiveALUAGroups: [ALUAGroup] {
        // A device that is passed through has none but its own.
        guard self.plugin != "pscsi" else { return [] }
        let hasDefault = self.aluaGroups.contains { $0.name == ALUAGroup.defaultName }
        return (hasDefault ? [] : [ALUAGroup(name: ALUAGroup.defaultName, id: 0)]) + self.aluaGroups
    }
}
