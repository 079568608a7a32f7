// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import BootStory
import Model
import Synchronization

/// Who boots what, as the boot services ask for it on their event loops.
///
/// Machines are told apart by MAC there. What else a machine tells of itself is remembered for its MAC, so that one that
/// is known by its UUID, its serial number or the port that it hangs on is found whenever its MAC is named, and also when
/// its entry is written after it has asked.
final class MachineTable: MachineDirectory {
    fileprivate struct State {
        var assignments: [String: BootAssignment] = [:]
        var index = MachineIndex()
        var facts: [MACAddress: MachineFacts] = [:]
        /// The addresses that are kept for clients.
        var addresses: [String: IPv4Address] = [:]
        /// By MAC, the client: those of clients that are configured by it, and of others once they have been seen.
        var found: [MACAddress: String] = [:]
        var reservations = Reservations.none
    }

    private let state = Mutex(State())
    private let credentials: BootCredentials
    private let enrolling = Mutex<(any Enrolling)?>(nil)

    init(credentials: BootCredentials) {
        self.credentials = credentials
    }

    func assignment(for mac: MACAddress) -> BootAssignment? {
        self.state.withLock { state in state.found[mac].flatMap { state.assignments[$0] } }
    }

    /// The client that the machine is.
    func client(of mac: MACAddress) -> String? {
        self.state.withLock { $0.found[mac] }
    }

    var reservations: Reservations {
        self.state.withLock { $0.reservations }
    }

    func learned(_ facts: MachineFacts, of mac: MACAddress) {
        guard !facts.isEmpty else { return }
        self.state.withLock { state in
            let known = state.facts[mac] ?? MachineFacts()
            let all = facts.filled(from: known)
            guard all != known else { return }
            // Forged requests could fill the memory; whoever is forgotten tells it again with its next request.
            if state.facts.count >= Limits.machinesRemembered { state.facts.removeAll() }
            state.facts[mac] = all
            let before = state.found[mac]
            state.find(mac)
            if state.found[mac] != before { state.reserve() }
        }
    }

    func makeCredentials(for client: String, at address: String) -> SANDisk.Credentials {
        let issued = self.credentials.make(for: client, at: address, now: .now())
        return SANDisk.Credentials(name: issued.name, secret: issued.secret)
    }

    func set(_ deployment: BootDeployment) {
        self.credentials.keep(only: Set(deployment.machines.values.lazy.filter(\.isCHAPPerBoot).map(\.client)))
        self.state.withLock { state in
            state.assignments = deployment.machines.mapValues { BootAssignment($0, services: deployment.services) }
            state.addresses = deployment.machines.compactMapValues { $0.address.flatMap { IPv4Address($0) } }
            state.index = MachineIndex(deployment.machines.mapValues(\.identity))
            let configured = deployment.machines.values.compactMap { $0.identity.mac.flatMap { MACAddress($0) } }
            state.found = [:]
            for mac in Set(configured).union(state.facts.keys) { state.find(mac) }
            state.reserve()
        }
    }

    /// Whom unknown machines are handed on to.
    func handOn(to enrolling: (any Enrolling)?) {
        self.enrolling.withLock { $0 = enrolling }
    }

    func enrolmentImages() async -> [String]? {
        await self.enrolling.withLock { $0 }?.enrolmentImages()
    }

    func enrol(_ request: EnrolmentRequest) async -> EnrolmentOutcome {
        await self.enrolling.withLock { $0 }?.enrol(request) ?? .refused(reason: "nobody may make machines known here")
    }
}

/// Who makes unknown machines known.
protocol Enrolling: Sendable {
    func enrolmentImages() async -> [String]?
    func enrol(_ request: EnrolmentRequest) async -> EnrolmentOutcome
}

extension MachineTable.State {
    /// Looks which client the machine with this MAC is.
    fileprivate mutating func find(_ mac: MACAddress) {
        self.found[mac] = self.index.name(of: MachineIdentity(mac, self.facts[mac] ?? MachineFacts()))
    }

    /// Keeps addresses for the machines that have been found.
    fileprivate mutating func reserve() {
        var addresses: [MACAddress: IPv4Address] = [:]
        for (mac, client) in self.found { addresses[mac] = self.addresses[client] }
        self.reservations = Reservations(addresses)
    }
}

extension MachineIdentity {
    init(_ mac: MACAddress, _ facts: MachineFacts) {
        self.init(
            mac: mac.description, uuid: facts.uuid.flatMap { UUIDText.canonical($0) },
            serial: facts.serial.flatMap { SerialText.canonical($0) },
            circuitID: facts.circuitID.map { CircuitText.canonical($0) },
            remoteID: facts.remoteID.map { CircuitText.canonical($0) })
    }
}

extension BootAssignment {
    init(_ machine: Machine, services: ServiceSettings) {
        let method: Method =
            switch machine.method {
            case .sanboot: .sanboot
            case .kernel(let kernel, let initramfs, let arguments, let transport):
                .kernel(
                    kernelPath: kernel, initrdPath: initramfs, arguments: arguments,
                    transport: transport == .http ? .http : .tftp)
            case .firmware: .firmware
            case .http(let kernel, let initramfs, let arguments):
                .http(kernelPath: kernel, initrdPath: initramfs, arguments: arguments)
            }
        self.init(
            client: machine.client, method: method, initiatorName: machine.initiatorName,
            targetName: machine.targetName, portalAddress: services.address, portalPort: services.iscsiPort,
            credentials: machine.chap.map { SANDisk.Credentials(name: $0.name, secret: $0.secret) },
            isSecureBoot: machine.isSecureBoot)
        self.hasCredentialsPerBoot = machine.isCHAPPerBoot
        // A template with a flaw is an error of the configuration, and its machine is not served.
        self.script = machine.ipxeScript.flatMap { try? ScriptTemplate($0) }
    }
}

extension BootServices {
    /// - Parameter stateFolder: Where leases are kept.
    init(_ settings: ServiceSettings, stateFolder: String) {
        let dhcp: DHCPMode =
            switch settings.dhcp {
            case .off: .off
            case .proxy: .proxy
            case .range(let range):
                .ranges(own: Range(range), behindRelays: settings.relayedRanges.map { Range($0) })
            }
        self.init(
            address: settings.address, interface: settings.interface, dhcp: dhcp, tftpPort: settings.tftpPort,
            httpPort: settings.httpPort)
        if let folder = settings.firmwareFolder { self.firmwareFolder = folder }
        self.advertisesNoRouter = settings.advertisesNoRouter ?? false
        self.leaseFile = "\(stateFolder)/dhcp.leases"
        self.tftpTransferPorts = settings.tftpTransferPorts.flatMap { PortRange($0)?.ports }
    }
}

extension BootServices.Range {
    init(_ range: AddressRange) {
        self.init(
            first: range.first, last: range.last, prefixLength: range.prefixLength, router: range.router,
            leaseSeconds: UInt32(clamping: range.leaseSeconds),
            options: range.options.compactMap { DHCPOptionSetting($0) }.map { .other(code: $0.code, $0.value) })
    }
}
