// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Through which target ports a backstore is reached how well (ALUA).
package struct AccessMap: Hashable, Sendable {
    package var groups: [AccessGroup]
    /// The groups' identifiers by port.
    package var ports: [Port: UInt16]

    /// A portal group of a target.
    package struct Port: Hashable, Sendable {
        package var target: String
        package var tag: UInt16

        package init(target: String, tag: UInt16) {
            self.target = target
            self.tag = tag
        }
    }

    package struct AccessGroup: Hashable, Sendable {
        package var id: UInt16
        /// As `ALUAGroup.stateNames` counts them.
        package var state: Int
        package var supportedStates: Set<Int>
        package var isPreferred: Bool
        package var hasImplicitTransitions: Bool
        package var hasExplicitTransitions: Bool
        package var implicitTransitionSeconds: UInt8
        /// `alua_write_metadata`.
        package var keepsState: Bool
        /// `trans_delay_msecs`.
        package var transitionMilliseconds: Int
    }

    /// What a backstore has whose configuration says nothing: LIO's default group.
    package static let standard = AccessMap(of: [ALUAGroup(name: ALUAGroup.defaultName, id: 0)])

    init(of groups: [ALUAGroup]) {
        self.ports = [:]
        self.groups = groups.map { group in
            AccessGroup(
                id: UInt16(clamping: group.id), state: group.setting("alua_access_state"),
                supportedStates: Set(
                    ALUAGroup.supportSettings.filter { group.setting($0.value) != 0 }.map(\.key)),
                isPreferred: group.setting("preferred") != 0,
                hasImplicitTransitions: group.setting("alua_access_type") & 1 != 0,
                hasExplicitTransitions: group.setting("alua_access_type") & 2 != 0,
                implicitTransitionSeconds: UInt8(clamping: group.setting("implicit_trans_secs")),
                keepsState: group.setting("alua_write_metadata") != 0,
                transitionMilliseconds: max(0, group.setting("trans_delay_msecs")))
        }
    }

    /// A backstore's own map. Ports are told apart only where there are groups to tell them by.
    init(of object: StorageObject, in targets: [Target]) {
        let groups = object.effectiveALUAGroups
        self.init(of: groups)
        guard groups.count > 1 else { return }
        for target in targets where target.fabric == "iscsi" {
            for group in target.portalGroups {
                for lun in group.luns where lun.storageObject == object.path {
                    let chosen = groups.first { $0.name == lun.aluaGroup } ?? groups.first { $0.id == 0 } ?? groups[0]
                    let port = Port(target: target.wwn, tag: UInt16(clamping: group.tag))
                    self.ports[port] = UInt16(clamping: chosen.id)
                }
            }
        }
    }
}
