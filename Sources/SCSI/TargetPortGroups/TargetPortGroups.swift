// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The target port groups of a logical unit: through which ports it is reached how well (asymmetric logical unit
/// access, ALUA; SPC-4 §5.15).
package struct TargetPortGroups: Hashable, Sendable {
    package var groups: [Group]
    /// The groups of ports, by their identifiers; ports that are not here are in the first group.
    package var members: [Port: UInt16]

    package init(groups: [Group], members: [Port: UInt16] = [:]) {
        precondition(!groups.isEmpty)
        self.groups = groups
        self.members = members
    }

    /// One group with all ports, active/optimized, as LIO's `default_tg_pt_gp`.
    package static let standard = TargetPortGroups(groups: [Group(id: 0)])

    package struct Group: Hashable, Sendable {
        package var id: UInt16
        package var state: AccessState
        /// PREF: the group that initiators should use when they may choose.
        package var isPreferred: Bool
        /// The states that the group can be in; one bit each (`AccessState.supportBit`).
        package var supportedStates: Set<AccessState>
        /// Whether the target may change the state, and whether SET TARGET PORT GROUPS may.
        package var hasImplicitTransitions: Bool
        package var hasExplicitTransitions: Bool
        /// The longest that an implicit transition takes, 0 for not told.
        package var implicitTransitionSeconds: UInt8
        /// Whether what SET TARGET PORT GROUPS sets outlives a restart.
        package var keepsState: Bool
        /// How long the group is in transition when its state changes; 0 where the change is a single event.
        package var transitionMilliseconds: Int
        /// Who changed the state last.
        var change = Change.none
        /// The state that the group is in transition to.
        var arriving: Arrival?

        struct Arrival: Hashable, Sendable {
            var state: AccessState
            /// The nexus that asked for it, which needs not be told.
            var nexus: UInt64?
            var isTimed = false
        }

        /// The state that the group is in, or comes to.
        var settledState: AccessState { self.arriving?.state ?? self.state }

        /// Changes the state, at once or over a transition.
        mutating func move(to state: AccessState, _ change: Change, by nexus: UInt64? = nil) {
            self.change = change
            guard state != self.settledState else { return }
            let takesTime = self.transitionMilliseconds > 0 && self.supportedStates.contains(.transitioning)
            self.arriving = takesTime ? Arrival(state: state, nexus: nexus) : nil
            self.state = takesTime ? .transitioning : state
        }

        /// INQUIRY's TPGS: bit 0 for implicit transitions, bit 1 for explicit ones.
        var tpgs: UInt8 {
            (self.hasImplicitTransitions ? 0b01 : 0) | (self.hasExplicitTransitions ? 0b10 : 0)
        }

        enum Change: UInt8, Sendable {
            case none = 0x00
            case bySetTargetPortGroups = 0x01
            case implicit = 0x02
        }

        package init(
            id: UInt16, state: AccessState = .activeOptimized, isPreferred: Bool = false,
            supportedStates: Set<AccessState> = Set(AccessState.allCases), hasImplicitTransitions: Bool = true,
            hasExplicitTransitions: Bool = true, implicitTransitionSeconds: UInt8 = 0, keepsState: Bool = false,
            transitionMilliseconds: Int = 0
        ) {
            self.id = id
            self.state = state
            self.isPreferred = isPreferred
            self.supportedStates = supportedStates
            self.hasImplicitTransitions = hasImplicitTransitions
            self.hasExplicitTransitions = hasExplicitTransitions
            self.implicitTransitionSeconds = implicitTransitionSeconds
            self.keepsState = keepsState
            self.transitionMilliseconds = transitionMilliseconds
        }
    }

    /// A target port: a portal group of a target.
    package struct Port: Hashable, Sendable {
        /// In lower case.
        package var targetName: String
        /// The relative target port identifier.
        package var relativePort: UInt16

        package init(targetName: String, relativePort: UInt16) {
            self.targetName = targetName
            self.relativePort = relativePort
        }
    }

    /// Whether there is a port through which not every command is executed.
    var hasInactive: Bool {
        self.groups.contains { !$0.state.isActive }
    }

    /// Whether the target may have the port: where any of its ports is known, all are.
    func mayHave(_ port: Port) -> Bool {
        self.members[port] != nil || !self.members.keys.contains { $0.targetName == port.targetName }
    }

    func index(of nexus: borrowing Nexus) -> Int {
        let port = Port(targetName: nexus.targetName.lowercased(), relativePort: nexus.relativeTargetPort)
        guard let id = self.members[port] else { return 0 }
        return self.groups.firstIndex { $0.id == id } ?? 0
    }

    func group(of nexus: borrowing Nexus) -> Group {
        self.groups[self.index(of: nexus)]
    }

    /// The relative identifiers of a group's ports, each once: those that are configured, and those that `nexuses` came
    /// through.
    func relativePorts(ofGroup id: UInt16, _ nexuses: some Sequence<Nexus>) -> [UInt16] {
        var ports = Set(self.members.filter { $0.value == id }.map(\.key.relativePort))
        for nexus in nexuses where self.group(of: nexus).id == id {
            ports.insert(nexus.relativeTargetPort)
        }
        return ports.sorted()
    }
}

extension LogicalUnit {
    /// Puts other groups, states or members in the place of those before: an implicit transition, of which every nexus
    /// learns whose group or state has changed. What SET TARGET PORT GROUPS set stays where the configuration of its
    /// group does, and comes back after a restart where it was kept.
    package mutating func setTargetPortGroups(_ groups: TargetPortGroups) {
        guard groups != self.configuredPorts else { return }
        var new = groups
        let isFirst = !self.arePortsConfigured
        self.arePortsConfigured = true
        defer { self.restorePortStates(isFirst: isFirst) }
        for index in new.groups.indices {
            let id = new.groups[index].id
            guard let old = self.ports.groups.first(where: { $0.id == id }) else { continue }
            if self.configuredPorts.groups.first(where: { $0.id == id }) == new.groups[index] {
                new.groups[index] = old
            } else if old.settledState != new.groups[index].state {
                let state = new.groups[index].state
                new.groups[index].state = old.state
                new.groups[index].move(to: state, .implicit)
            }
        }
        for nexus in self.nexuses.values {
            let (before, after) = (self.ports.group(of: nexus), new.group(of: nexus))
            if before.id != after.id || before.state != after.state || before.isPreferred != after.isPreferred {
                self.attentions.add(.asymmetricAccessStateChanged, for: nexus.id)
            }
        }
        self.configuredPorts = groups
        self.ports = new
    }

    /// What was set before a restart is in force again, unless the configuration has been changed since.
    private mutating func restorePortStates(isFirst: Bool) {
        self.keptPortStates = self.keptPortStates.filter { id, kept in
            self.configuredPorts.groups.contains { $0.id == id && $0.keepsState && $0.state == kept.configured }
        }
        guard isFirst else { return }
        for index in self.ports.groups.indices {
            let group = self.ports.groups[index]
            guard let kept = self.keptPortStates[group.id], group.supportedStates.contains(kept.set) else { continue }
            self.ports.groups[index].state = kept.set
            self.ports.groups[index].change = .bySetTargetPortGroups
        }
    }
}

extension LogicalUnit {
    /// The groups whose transitions have begun, each once, and how long they take.
    package mutating func takeTransitions() -> [(group: UInt16, milliseconds: Int)] {
        self.ports.groups.indices.compactMap { index in
            guard self.ports.groups[index].arriving?.isTimed == false else { return nil }
            self.ports.groups[index].arriving?.isTimed = true
            return (self.ports.groups[index].id, self.ports.groups[index].transitionMilliseconds)
        }
    }

    /// A group has arrived at its state.
    package mutating func endTransition(ofGroup id: UInt16) {
        guard let index = self.ports.groups.firstIndex(where: { $0.id == id }),
            let arrival = self.ports.groups[index].arriving, arrival.isTimed
        else { return }
        self.ports.groups[index].arriving = nil
        self.ports.groups[index].state = arrival.state
        for nexus in self.nexuses.values where nexus.id != arrival.nexus && self.ports.group(of: nexus).id == id {
            self.attentions.add(.asymmetricAccessStateChanged, for: nexus.id)
        }
    }
}

/// A state that SET TARGET PORT GROUPS gave a group, and the one that the group was configured with then.
struct KeptPortState: Hashable, Sendable {
    var configured: AccessState
    var set: AccessState
}
