// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import Model
import Synchronization

/// Who boots what, as the boot services ask for it on their event loops.
final class MachineTable: MachineDirectory {
    private let assignments = Mutex<[MACAddress: BootAssignment]>([:])
    private let addresses = Mutex(Reservations.none)

    func assignment(for mac: MACAddress) -> BootAssignment? {
        self.assignments.withLock { $0[mac] }
    }

    var reservations: Reservations {
        self.addresses.withLock { $0 }
    }

    func set(_ deployment: BootDeployment) {
        var table: [MACAddress: BootAssignment] = [:]
        var addresses: [MACAddress: IPv4Address] = [:]
        for (mac, machine) in deployment.machines {
            guard let mac = MACAddress(mac) else { continue }
            table[mac] = BootAssignment(machine, services: deployment.services)
            addresses[mac] = machine.address.flatMap { IPv4Address($0) }
        }
        self.assignments.withLock { $0 = table }
        self.addresses.withLock { $0 = Reservations(addresses) }
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
