// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import Model
import Synchronization

/// Who boots what, as the boot services ask for it on their event loops.
final class MachineTable: MachineDirectory {
    private let assignments = Mutex<[MACAddress: BootAssignment]>([:])

    func assignment(for mac: MACAddress) -> BootAssignment? {
        self.assignments.withLock { $0[mac] }
    }

    func set(_ deployment: BootDeployment) {
        var table: [MACAddress: BootAssignment] = [:]
        for (mac, machine) in deployment.machines {
            guard let mac = MACAddress(mac) else { continue }
            table[mac] = BootAssignment(machine, services: deployment.services)
        }
        self.assignments.withLock { $0 = table }
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
            isSecureBoot: machine.isSecureBoot)
    }
}

extension BootServices {
    init(_ settings: ServiceSettings) {
        let dhcp: DHCPMode =
            switch settings.dhcp {
            case .off: .off
            case .proxy: .proxy
            case .range(let range):
                .range(
                    first: range.first, last: range.last, prefixLength: range.prefixLength, router: range.router,
                    leaseSeconds: UInt32(clamping: range.leaseSeconds))
            }
        self.init(
            address: settings.address, interface: settings.interface, dhcp: dhcp, tftpPort: settings.tftpPort,
            httpPort: settings.httpPort)
        if let folder = settings.firmwareFolder { self.firmwareFolder = folder }
        self.advertisesNoRouter = settings.advertisesNoRouter ?? false
    }
}
