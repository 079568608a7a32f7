// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Glibc
import NIOCore

/// What the services need to know of the host's interfaces.
struct HostNetwork {
    let address: IPv4Address
    let interface: InterfaceName
    let device: NIONetworkDevice
    /// Bytes of an IP packet on the interface.
    let mtu: Int

    /// Looks up what the configuration names; the first thing that is missing is the error.
    init(_ services: BootServices) throws(BootServerError) {
        guard let address = IPv4Address(services.address) else {
            throw .addressInvalid(services.address, setting: "the boot services' address")
        }
        let devices: [NIONetworkDevice]
        do {
            devices = try System.enumerateDevices()
        } catch {
            throw BootServerError(kind: .other, description: "the host's network interfaces cannot be listed: \(error)")
        }
        let mine = devices.filter { $0.name == services.interface }
        // An interface without any address is not in that list; if_nametoindex knows it all the same.
        let exists = unsafe if_nametoindex(services.interface) != 0
        guard exists, let name = InterfaceName(services.interface) else {
            throw .interfaceMissing(services.interface, present: Set(devices.map(\.name)).sorted())
        }
        let present = mine.compactMap { device in
            device.address.flatMap { IPv4Address($0.ipAddress ?? "") }?.description
        }
        guard let device = mine.first(where: { $0.address?.ipAddress == services.address }) else {
            throw .addressMissing(services.address, interface: services.interface, present: present)
        }
        self.address = address
        self.interface = name
        self.device = device
        self.mtu = Self.mtu(services.interface) ?? 1500
    }

    private static func mtu(_ interface: String) -> Int? {
        guard let file = unsafe fopen("/sys/class/net/\(interface)/mtu", "re") else { return nil }
        defer { unsafe fclose(file) }
        var number: CInt = 0
        var digit = unsafe fgetc(file)
        while (0x30...0x39).contains(digit), number < 1_000_000 {
            number = number * 10 + digit - 0x30
            digit = unsafe fgetc(file)
        }
        return number > 0 ? Int(number) : nil
    }
}
