// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections

extension Configuration {
    /// What is to run, and what of the configuration cannot.
    ///
    /// Entries that have errors are left out; everything else runs.
    ///
    /// - Parameter earlier: a configuration of which this one may have much: then it costs what differs, and little more.
    package func expanded(
        in surroundings: Surroundings, after earlier: ExpandedConfiguration? = nil
    ) -> ExpandedConfiguration {
        if let earlier, earlier.surroundings == surroundings, earlier.configuration == self { return earlier }
        if let earlier, let changed = self.expandedByDifference(in: surroundings, after: earlier) { return changed }
        let unchanged = Unchanged(self, since: earlier)
        let validation = self.validation(in: surroundings, unchanged)
        let flaws = Flaws(validation.problems)
        var expansion = Expansion(surroundings: surroundings, known: unchanged.deployment)
        for (index, object) in self.storageObjects.enumerated() where flaws.spare("storage_objects", index) {
            expansion.add(object, servedBy: self.targets, isUnchanged: unchanged.objects[index])
        }
        for (index, target) in self.targets.enumerated() {
            if flaws.spareAll(of: "targets", index) {
                expansion.add(target, isUnchanged: unchanged.targets[index])
            } else {
                expansion.add(target.sound(at: "targets[\(index)]", isUsable: flaws.spare), isUnchanged: false)
            }
        }
        expansion.deployment.discovery = self.discoveryAuthentication
        if let services = self.boot.services, flaws.spare("boot.services") {
            expansion.start(services)
        }
        let unsound = Set(
            self.boot.groups.enumerated().filter { !flaws.spare("boot.groups", $0.offset) }.map(\.element.name))
        for (index, client) in self.boot.resolvedClients.enumerated() where flaws.spare("boot.clients", index) {
            if client.group.map(unsound.contains) ?? false { continue }
            expansion.add(client)
        }
        return ExpandedConfiguration(
            configuration: self, surroundings: surroundings, deployment: expansion.finish(),
            problems: validation.problems, touched: nil,
            claims: validation.problems.isEmpty ? self.claims(found: validation) : nil,
            wantedPortals: expansion.wantedPortals)
    }

    private func claims(found validation: Validation) -> Claims {
        var claims = Claims()
        claims.paths = TreeSet(self.storageObjects.map(\.path))
        claims.serials = TreeSet(self.storageObjects.compactMap(\.wwn))
        claims.disks = TreeSet(validation.diskUsers.keys)
        claims.targets = TreeSet(validation.targetNames.keys)
        return claims
    }
}

/// Where a configuration has errors.
private struct Flaws {
    private let paths: Set<String>
    /// The entries of arrays at the top that have any: `targets[3`.
    private let entries: Set<Substring>

    init(_ problems: [Problem]) {
        self.paths = Set(problems.lazy.filter { $0.severity == .error }.map(\.path))
        self.entries = Set(self.paths.map { $0.prefix { $0 != "]" } })
    }

    /// Whether what is at `path`, and all of it, has none.
    func spare(_ path: String) -> Bool {
        !self.paths.contains { $0 == path || $0.hasPrefix(path + ".") }
    }

    func spare(_ key: String, _ index: Int) -> Bool {
        self.spareAll(of: key, index) || self.spare("\(key)[\(index)]")
    }

    /// Whether an entry has none, nor has anything within its arrays.
    func spareAll(of key: String, _ index: Int) -> Bool {
        self.entries.isEmpty || !self.entries.contains("\(key)[\(index)")
    }
}

/// A deployment in the making.
struct Expansion {
    let surroundings: Surroundings
    /// What was made of the configuration before.
    let known: Deployment
    var deployment = Deployment()
    private(set) var wantedPortals: TreeDictionary<PortalAddress, Int> = [:]
    /// Those that `deployment.portals` was made of.
    private var knownPortals: TreeDictionary<PortalAddress, Int> = [:]

    init(surroundings: Surroundings, known: Deployment) {
        self.surroundings = surroundings
        self.known = known
    }

    /// Goes on from what was made of the configuration before.
    init(after earlier: ExpandedConfiguration) {
        self.init(surroundings: earlier.surroundings, known: earlier.deployment)
        self.deployment = earlier.deployment
        self.wantedPortals = earlier.wantedPortals
        self.knownPortals = earlier.wantedPortals
    }

    mutating func remove(_ object: StorageObject) {
        self.deployment.backstores[object.path] = nil
        self.deployment.access[object.path] = nil
    }

    mutating func remove(_ target: Target) {
        guard target.fabric == "iscsi", let known = self.deployment.targets.removeValue(forKey: target.wwn) else {
            return
        }
        for portal in known.groups.flatMap({ $0.portals ?? [] }) { self.want(portal, by: -1) }
    }

    mutating func add(_ object: StorageObject, servedBy targets: [Target], isUnchanged: Bool) {
        let path = object.path
        if isUnchanged, !object.dependsOnTargets, let known = self.known.backstores[path] {
            self.deployment.backstores[path] = known
            self.deployment.access[path] = self.known.access[path]
            return
        }
        let kind: Backstore.Kind
        switch object.plugin {
        case "fileio":
            kind = .file(
                path: object.dev ?? "", size: object.size, writeBack: object.writeBack ?? false, original: nil)
        case "block": kind = .block(path: object.dev ?? "")
        case "pscsi": kind = .passThrough(path: object.dev ?? "")
        case "ramdisk": kind = .ramdisk(size: object.size ?? 0, forgetful: object.nullIO ?? false)
        default: return
        }
        let attributes = BackstoreAttributes(of: object)
        self.deployment.backstores[path] = Backstore(
            kind: kind, product: attributes.isOn(.modelAlias) ? object.name : kind.model,
            serial: object.wwn ?? Naming.serial(from: path), isReadOnly: object.readOnly ?? false,
            attributes: attributes)
        // A device that is passed through answers for its ports itself.
        let hasGroups = object.plugin != "pscsi" && attributes.isOn(.aluaSupport)
        let access = hasGroups ? AccessMap(of: object, in: targets) : .standard
        self.deployment.access[path] = access == .standard ? nil : access
    }

    mutating func add(_ target: Target?, isUnchanged: Bool) {
        guard let target, target.fabric == "iscsi" else { return }
        if isUnchanged, let known = self.known.targets[target.wwn], self.serves(known, allOf: target) {
            self.deployment.targets[target.wwn] = known
            for portal in known.groups.flatMap({ $0.portals ?? [] }) { self.want(portal) }
            return
        }
        let groups = target.portalGroups.filter { $0.enable ?? true }.compactMap { group in
            for portal in self.portals(of: group) { self.want(portal) }
            return ServedGroup(group, portals: self.portals(of: group), backstores: self.deployment.backstores)
        }
        guard !groups.isEmpty else { return }
        self.deployment.targets[target.wwn] = ServedTarget(name: target.wwn, groups: groups.sorted { $0.tag < $1.tag })
    }

    /// Whether `known` has every LUN that the target has now.
    private func serves(_ known: ServedTarget, allOf target: Target) -> Bool {
        let luns = target.portalGroups.reduce(0) { $0 + ($1.enable ?? true ? $1.luns.count : 0) }
        return known.groups.reduce(0) { $0 + $1.luns.count } == luns
            && known.groups.allSatisfy { $0.luns.values.allSatisfy { self.deployment.backstores[$0] != nil } }
    }

    /// LIO's portal on `::` accepts IPv4 as well; here that is a portal of its own.
    private func portals(of group: PortalGroup) -> Set<PortalAddress> {
        var portals: Set<PortalAddress> = []
        for portal in group.portals {
            guard let address = IPAddress(portal.ipAddress), let port = UInt16(exactly: portal.port) else { continue }
            portals.insert(PortalAddress(address: address, port: port))
            if address.isUnspecified, !address.isIPv4, let all = IPAddress("0.0.0.0") {
                portals.insert(PortalAddress(address: all, port: port))
            }
        }
        return portals
    }

    private mutating func want(_ portal: PortalAddress, by count: Int = 1) {
        let count = (self.wantedPortals[portal] ?? 0) + count
        self.wantedPortals[portal] = count > 0 ? count : nil
    }

    mutating func start(_ services: ServiceSettings) {
        self.deployment.boot = BootDeployment(services: services, machines: [:])
        for address in ([services.address] + services.iscsiAddresses).compactMap({ IPAddress($0) }) {
            self.want(PortalAddress(address: address, port: UInt16(services.iscsiPort)))
        }
    }

    mutating func add(_ client: BootClient) {
        guard let source = client.source else { return }
        let targetName = client.effectiveTargetName
        let backstore = StorageObject(plugin: "fileio", name: "client:\(client.name)").path
        self.deployment.backstores[backstore] = Backstore(
            kind: self.disk(of: client, source), product: client.name, serial: Naming.serial(from: targetName))
        self.deployment.targets[targetName] = ServedTarget(
            name: targetName, portalGroupTag: 1, luns: [0: backstore],
            initiators: [client.effectiveInitiatorName],
            authentication: Self.authentication(of: client), holder: client.chap == .perBoot ? client.name : nil)
        self.deployment.loaderArguments[backstore] = self.loaderArguments(of: client)
        guard let method = self.method(of: client) else { return }
        var machine = Machine(
            client: client.name, identity: client.identity, initiatorName: client.effectiveInitiatorName,
            targetName: targetName, method: method, isSecureBoot: client.secureBoot ?? false, address: client.address)
        if case .account(let account)? = client.chap { machine.chap = account }
        machine.isCHAPPerBoot = client.chap == .perBoot
        machine.ipxeScript = client.ipxeScript
        self.deployment.boot?.machines[client.name] = machine
    }

    private static func authentication(of client: BootClient) -> ServedAuthentication {
        switch client.chap {
        case .account(let account)?: .required(ServedCHAP(user: account))
        case .perBoot?: .impossible(reason: "\(client.name) has no credentials yet")
        case ClientCHAP.none?, nil: .none
        }
    }

    private func disk(of client: BootClient, _ source: BootClient.Source) -> Backstore.Kind {
        switch source {
        case .disk(let path):
            return .file(path: path, size: client.size, writeBack: true, original: nil)
        case .image(let name):
            let image = self.surroundings.images[name]
            // Without a size of its own the copy has the image's, and a rebuilt image leaves open copies alone.
            return .file(
                path: self.surroundings.diskPath(ofClient: client.name), size: client.size,
                writeBack: true, original: image?.diskPath)
        }
    }

    private func method(of client: BootClient) -> Machine.Method? {
        switch client.effectiveMethod {
        case .sanboot: return .sanboot
        case .firmware: return .firmware
        case .kernel, .http: break
        }
        guard case .image(let name) = client.source, let image = self.surroundings.images[name],
            let services = self.deployment.boot?.services
        else { return nil }
        let arguments =
            [image.kernelArguments] + self.targetArguments(of: client, services)
            + [client.kernelArguments].compactMap(\.self)
        let line = arguments.filter { !$0.isEmpty }.joined(separator: " ")
        guard case .kernel(let transport) = client.effectiveMethod else {
            return .http(kernelPath: image.kernelPath, initramfsPath: image.initramfsPath, arguments: line)
        }
        return .kernel(
            kernelPath: image.kernelPath, initramfsPath: image.initramfsPath, arguments: line, transport)
    }

    /// What tells an initramfs what to attach.
    private func targetArguments(of client: BootClient, _ services: ServiceSettings) -> [String] {
        var arguments = [
            "initiator_name=\(client.effectiveInitiatorName)",
            "iscsi_target_ip=\(services.address)",
            "iscsi_target_name=\(client.effectiveTargetName)",
        ]
        if services.iscsiPort != 3260 { arguments.append("iscsi_target_port=\(services.iscsiPort)") }
        return arguments + Self.reportArguments(services)
    }

    /// What tells a system where to report that it is up, where that is not the usual port.
    private static func reportArguments(_ services: ServiceSettings) -> [String] {
        services.httpPort == 8080 ? [] : ["apus_http_port=\(services.httpPort)"]
    }

    /// What the boot loader on the client's disk adds to the kernel's arguments; nil where the disk has no place for it.
    private func loaderArguments(of client: BootClient) -> String? {
        guard case .image(let name) = client.source, let image = self.surroundings.images[name],
            image.argumentSlot != nil
        else { return nil }
        // An initramfs that reads the table of iPXE needs nothing more. Firmware does not always leave one.
        let needsTarget = client.effectiveMethod == .firmware || !image.attachment.contains(.ibft)
        let target = self.deployment.boot.map {
            needsTarget ? self.targetArguments(of: client, $0.services) : Self.reportArguments($0.services)
        }
        return ((target ?? []) + [client.kernelArguments].compactMap(\.self)).joined(separator: " ")
    }

    /// Leaves out the portals that another one covers: `0.0.0.0:3260` and `10.0.0.1:3260` cannot both be bound.
    mutating func finish() -> Deployment {
        let wanted = self.wantedPortals
        if wanted != self.knownPortals {
            self.deployment.portals = Set(
                wanted.keys.filter { portal in
                    portal.address.isUnspecified || portal.wildcard.map { wanted[$0] == nil } ?? true
                })
        }
        return self.deployment
    }
}

extension PortalAddress {
    /// The portal on all addresses of its family.
    fileprivate var wildcard: PortalAddress? {
        IPAddress(self.address.isIPv4 ? "0.0.0.0" : "::").map { PortalAddress(address: $0, port: self.port) }
    }
}

extension StorageObject {
    /// Its ports are in different groups, so that it has to be told of its targets.
    var dependsOnTargets: Bool {
        self.aluaGroups.contains { $0.name != ALUAGroup.defaultName }
    }
}
