// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections

/// One act of taking a daemon from what runs to what is to run.
package enum Step: Hashable, Sendable {
    case stopBoot
    case stopListening(PortalAddress)
    case removeTarget(String)
    case closeBackstore(String)
    case openBackstore(String, Backstore)
    /// Makes an open backstore larger; its sessions go on.
    case growBackstore(String, Backstore)
    /// Tells a backstore's unit through which ports it is reached how well.
    case setAccess(String, AccessMap)
    /// Writes what a machine's boot loader adds to the kernel's arguments onto its disk.
    case setLoaderArguments(String, String)
    /// Adds the target or replaces its definition; its sessions go on.
    case setTarget(ServedTarget)
    case listen(PortalAddress)
    /// Changes what initiators have to prove before they discover targets.
    case setDiscovery(ServedAuthentication)
    /// Starts them knowing who boots what, so that no machine is met as a stranger.
    case startBoot(BootDeployment)
    /// Tells the boot services, which run, who boots what.
    case setMachines([String: Machine])
}

/// The way from one deployment to another.
///
/// Order: nothing new is offered before what it needs exists, nothing goes before what needs it has gone. A target
/// that a change does not concern is not in the plan at all, so that its sessions notice nothing.
package enum Plan {
    /// - Parameter touched: all backstores and targets in which the two may differ; nil for any of them.
    package static func diff(_ old: Deployment, _ new: Deployment, within touched: Touched? = nil) -> [Step] {
        let backstores = touched?.backstores
        let closing = Self.changed(old.backstores, new.backstores, backstores)
        let opening = Self.changed(new.backstores, old.backstores, backstores)
        // Targets of which no backstore is closed and another opened are what they were unless they were touched.
        let targets = closing.isEmpty || opening.isEmpty ? touched?.targets : nil
        // A target holds its stores open: it goes while one of them is closed and another (or the same one, changed)
        // opened, and comes back. One that only loses a store is redefined before the store is closed.
        let withdrawn = Self.part(of: old.targets, targets).filter { name, target in
            guard let successor = new.targets[name] else { return true }
            return !closing.isEmpty && !opening.isEmpty && !closing.isDisjoint(with: target.backstores)
                && !opening.isDisjoint(with: successor.backstores)
        }
        let defined = Self.part(of: new.targets, targets).filter { name, target in
            withdrawn[name] != nil || old.targets[name] != target
        }
        var steps: [Step] = []
        if old.boot != nil, old.boot?.services != new.boot?.services { steps.append(.stopBoot) }
        steps += old.portals.subtracting(new.portals).sorted().map(Step.stopListening)
        steps += withdrawn.keys.sorted().map(Step.removeTarget)
        let (early, late) = Self.split(defined, needing: opening)
        steps += early.filter { withdrawn[$0.name] == nil }.map(Step.setTarget)
        steps += closing.sorted().map(Step.closeBackstore)
        steps += opening.sorted().compactMap { name in new.backstores[name].map { .openBackstore(name, $0) } }
        steps += Self.grown(old.backstores, new.backstores, but: opening, backstores)
        let told =
            backstores
            ?? opening.union(old.access.keys).union(new.access.keys).union(new.loaderArguments.keys)
        for name in told.sorted() where new.backstores[name] != nil {
            let before = opening.contains(name) ? .standard : old.access[name] ?? .standard
            let wanted = new.access[name] ?? .standard
            if wanted != before { steps.append(.setAccess(name, wanted)) }
            let told = opening.contains(name) ? nil : old.loaderArguments[name]
            if let arguments = new.loaderArguments[name], arguments != told {
                steps.append(.setLoaderArguments(name, arguments))
            }
        }
        steps += (early.filter { withdrawn[$0.name] != nil } + late).map(Step.setTarget)
        if old.discovery != new.discovery { steps.append(.setDiscovery(new.discovery)) }
        steps += new.portals.subtracting(old.portals).sorted().map(Step.listen)
        switch (old.boot, new.boot) {
        case (let before?, let boot?) where before.services == boot.services:
            if before.machines != boot.machines { steps.append(.setMachines(boot.machines)) }
        case (_, let boot?): steps.append(.startBoot(boot))
        case (_, nil): break
        }
        return steps
    }

    private static func grown(
        _ old: TreeDictionary<String, Backstore>, _ new: TreeDictionary<String, Backstore>, but opening: Set<String>,
        _ names: Set<String>?
    ) -> [Step] {
        Self.part(of: new, names).filter { !opening.contains($0.key) && old[$0.key] != $0.value }
            .sorted { $0.key < $1.key }.map { .growBackstore($0.key, $0.value) }
    }

    /// The keys of `one` whose values `other` has not, but for another size.
    private static func changed(
        _ one: TreeDictionary<String, Backstore>, _ other: TreeDictionary<String, Backstore>, _ names: Set<String>?
    ) -> Set<String> {
        Set(
            Self.part(of: one, names).filter { other[$0.key]?.withoutSize != $0.value.withoutSize }.map(\.key))
    }

    /// The entries of a table with those names; nil for all.
    private static func part<Value>(
        of table: TreeDictionary<String, Value>, _ names: Set<String>?
    ) -> TreeDictionary<String, Value> {
        guard let names else { return table }
        var part: TreeDictionary<String, Value> = [:]
        for name in names {
            if let value = table[name] { part[name] = value }
        }
        return part
    }

    private static func split(
        _ targets: TreeDictionary<String, ServedTarget>, needing opening: Set<String>
    ) -> (early: [ServedTarget], late: [ServedTarget]) {
        let sorted = targets.values.sorted { $0.name < $1.name }
        return (
            sorted.filter { opening.isDisjoint(with: $0.backstores) },
            sorted.filter { !opening.isDisjoint(with: $0.backstores) }
        )
    }
}

extension Deployment {
    /// What runs after `step` was done.
    package mutating func apply(_ step: Step) {
        switch step {
        case .stopBoot: self.boot = nil
        case .stopListening(let portal): self.portals.remove(portal)
        case .removeTarget(let name): self.targets[name] = nil
        case .closeBackstore(let name):
            self.backstores[name] = nil
            self.access[name] = nil
            self.loaderArguments[name] = nil
        case .openBackstore(let name, let backstore), .growBackstore(let name, let backstore):
            self.backstores[name] = backstore
        case .setAccess(let name, let access): self.access[name] = access == .standard ? nil : access
        case .setLoaderArguments(let name, let arguments): self.loaderArguments[name] = arguments
        case .setTarget(let target): self.targets[target.name] = target
        case .listen(let portal): self.portals.insert(portal)
        case .setDiscovery(let authentication): self.discovery = authentication
        case .startBoot(let boot): self.boot = boot
        case .setMachines(let machines): self.boot?.machines = machines
        }
    }
}

extension PortalAddress: Comparable {
    package static func < (left: PortalAddress, right: PortalAddress) -> Bool {
        if left.address.bytes != right.address.bytes {
            return left.address.bytes.lexicographicallyPrecedes(right.address.bytes)
        }
        return left.port < right.port
    }
}

extension Step: CustomStringConvertible {
    /// The step in words, as `--dry-run` shows it.
    package var description: String {
        switch self {
        case .stopBoot: "stop the boot services"
        case .stopListening(let portal): "close portal \(portal)"
        case .removeTarget(let name): "remove target \(name)"
        case .closeBackstore(let name): "close \(name)"
        case .openBackstore(let name, let backstore): "open \(name) (\(backstore.kind.summary))"
        case .growBackstore(let name, let backstore): "resize \(name) to \(backstore.size ?? 0) bytes"
        case .setAccess(let name, let access): "set \(Self.count(access.groups.count, "target port group")) of \(name)"
        case .setLoaderArguments(let name, let arguments):
            "write \(arguments.isEmpty ? "no kernel arguments" : "the kernel arguments \(arguments)") to \(name)"
        case .setTarget(let target):
            "serve target \(target.name) with "
                + Self.count(target.groups.reduce(0) { $0 + $1.luns.count }, "LUN")
        case .listen(let portal): "open portal \(portal)"
        case .setDiscovery(.none): "let everybody discover targets"
        case .setDiscovery: "require authentication for discovery"
        case .startBoot(let boot):
            "start the boot services on \(boot.services.interface), \(boot.services.address), "
                + "for \(Self.count(boot.machines.count, "machine"))"
        case .setMachines(let machines): "answer \(Self.count(machines.count, "machine"))"
        }
    }

    private static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}

extension Backstore {
    /// The bytes that it is to have; nil where that is the medium's own business.
    package var size: Int? {
        switch self.kind {
        case .file(_, let size, _, _): size
        case .ramdisk(let size, _): size
        case .block, .passThrough: nil
        }
    }

    /// The backstore whatever size it is to have: a change of that alone needs no closing.
    var withoutSize: Backstore {
        var result = self
        switch self.kind {
        case .file(let path, _, let writeBack, let original):
            result.kind = .file(path: path, size: nil, writeBack: writeBack, original: original)
        case .ramdisk(_, let forgetful): result.kind = .ramdisk(size: 0, forgetful: forgetful)
        case .block, .passThrough: break
        }
        return result
    }
}

extension Backstore.Kind {
    /// The product that INQUIRY names where it is not the backstore's name; LIO's words.
    var model: String {
        switch self {
        case .file: "FILEIO"
        case .block: "IBLOCK"
        case .ramdisk: "RAMDISK-MCP"
        case .passThrough: "PSCSI"
        }
    }

    /// Where the blocks are, in a few words.
    package var summary: String {
        switch self {
        case .file(let path, _, _, nil): path
        case .file(let path, _, _, let original?): "\(path), a copy of \(original)"
        case .block(let path), .passThrough(let path): path
        case .ramdisk(let size, let forgetful): "\(size) bytes of memory\(forgetful ? ", forgetful" : "")"
        }
    }
}
