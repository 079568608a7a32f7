// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

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
        let unchanged = Unchanged(self, since: earlier)
        let problems = self.validate(in: surroundings, unchanged)
        let flaws = Flaws(problems)
        var expansion = Expansion(surroundings: surroundings, unchanged: unchanged)
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
        for (index, client) in self.boot.clients.enumerated() where flaws.spare("boot.clients", index) {
            expansion.add(client)
        }
        return ExpandedConfiguration(
            configuration: self, surroundings: surroundings, deployment: expansion.finish(), problems: problems)
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
private struct Expansion {
    let surroundings: Surroundings
    let unchanged: Unchanged
    var deployment = Deployment()
    private var wantedPortals: Set<PortalAddress> = []

    init(surroundings: Surroundings, unchanged: Unchanged) {
        self.surroundings = surroundings
        self.unchanged = unchanged
    }

    mutating func add(_ object: StorageObject, servedBy targets: [Target], isUnchanged: Bool) {
        let path = object.path
        // Groups make it depend on the targets, too.
        if isUnchanged, object.aluaGroups.isEmpty, let known = self.unchanged.deployment.backstores[path] {
            self.deployment.backstores[path] = known
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
        self.deployment.backstores[path] = Backstore(
            kind: kind, product: object.name, serial: object.wwn ?? Naming.serial(from: path),
            isReadOnly: object.readOnly ?? false, attributes: BackstoreAttributes(of: object))
        // A device that is passed through answers for its ports itself.
        let access = object.plugin == "pscsi" ? .standard : AccessMap(of: object, in: targets)
        self.deployment.access[path] = access == .standard ? nil : access
    }

    mutating func add(_ target: Target?, isUnchanged: Bool) {
        guard let target, target.fabric == "iscsi" else { return }
        if isUnchanged, let known = self.unchanged.deployment.targets[target.wwn], self.serves(known, allOf: target) {
            self.deployment.targets[target.wwn] = known
            for group in known.groups { self.wantedPortals.formUnion(group.portals ?? []) }
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

    private mutating func want(_ portal: PortalAddress) {
        self.wantedPortals.insert(portal)
    }

    mutating func start(_ services: ServiceSettings) {
        self.deployment.boot = BootDeployment(services: services, machines: [:])
        for address in ([services.address] + services.iscsiAddresses).compactMap({ IPAddress($0) }) {
            self.wantedPortals.insert(PortalAddress(address: address, port: UInt16(services.iscsiPort)))
        }
    }

    mutating func add(_ client: BootClient) {
        guard let mac = MACText.canonical(client.mac) else { return }
        let targetName = client.effectiveTargetName
        let backstore = StorageObject(plugin: "fileio", name: "client:\(client.name)").path
        self.deployment.backstores[backstore] = Backstore(
            kind: self.disk(of: client), product: client.name, serial: Naming.serial(from: targetName))
        self.deployment.targets[targetName] = ServedTarget(
            name: targetName, portalGroupTag: 1, luns: [0: backstore],
            initiators: [client.effectiveInitiatorName],
            authentication: client.chap.map { .required(ServedCHAP(user: $0)) } ?? .none)
        self.deployment.loaderArguments[backstore] = self.loaderArguments(of: client)
        guard let method = self.method(of: client) else { return }
        self.deployment.boot?.machines[mac] = Machine(
            client: client.name, initiatorName: client.effectiveInitiatorName, targetName: targetName,
            method: method, chap: client.chap, isSecureBoot: client.secureBoot ?? false, address: client.address)
    }

    private func disk(of client: BootClient) -> Backstore.Kind {
        switch client.source {
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
        switch client.method {
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
        guard case .kernel(let transport) = client.method else {
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
        return arguments
    }

    /// What the boot loader on the client's disk adds to the kernel's arguments; nil where the disk has no place for it.
    private func loaderArguments(of client: BootClient) -> String? {
        guard case .image(let name) = client.source, let image = self.surroundings.images[name],
            image.argumentSlot != nil
        else { return nil }
        // An initramfs that reads the table of iPXE needs nothing more. Firmware does not always leave one.
        let needsTarget = client.method == .firmware || !image.attachment.contains(.ibft)
        let target = self.deployment.boot.map { self.targetArguments(of: client, $0.services) } ?? []
        return ((needsTarget ? target : []) + [client.kernelArguments].compactMap(\.self)).joined(separator: " ")
    }

    /// Leaves out the portals that another one covers: `0.0.0.0:3260` and `10.0.0.1:3260` cannot both be bound.
    mutating func finish() -> Deployment {
        let wanted = self.wantedPortals
        self.deployment.portals = wanted.filter { portal in
            !wanted.contains { $0 != portal && $0.covers(portal) }
        }
        return self.deployment
    }
}
