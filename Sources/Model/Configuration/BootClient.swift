// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A machine without a disk: how it is known, and what it boots.
///
/// Its disk, its target and its ACL follow from this and are not written down a second time.
@dynamicMemberLookup
package struct BootClient: Hashable, Sendable {
    package typealias Source = BootSettings.Source
    package typealias Method = BootSettings.Method
    package typealias Transport = BootSettings.Transport

    package var name: String
    /// As the user wrote it; compare by `MachineIdentity`.
    package var mac: String?
    /// The UUID of its system board.
    package var uuid: String?
    /// Its maker's serial number.
    package var serial: String?
    /// The port of the switch that it hangs on, as the relay agent there says (RFC 3046).
    package var circuitID: String?
    /// The relay agent itself, where circuits of several have one name.
    package var remoteID: String?
    /// What it does not say of itself this group says.
    package var group: String?
    package var settings: BootSettings
    /// The address that DHCP keeps for it.
    package var address: String?
    package var initiatorName: String?
    package var targetName: String?
    package var remainder: Remainder

    package init(
        name: String, mac: String? = nil, source: Source? = nil, method: Method? = nil, secureBoot: Bool? = nil,
        address: String? = nil, initiatorName: String? = nil, targetName: String? = nil, chap: ClientCHAP? = nil,
        kernelArguments: String? = nil, size: Int? = nil, remainder: Remainder = Remainder()
    ) {
        self.name = name
        self.mac = mac
        self.settings = BootSettings(
            source: source, method: method, secureBoot: secureBoot, chap: chap, kernelArguments: kernelArguments,
            size: size)
        self.address = address
        self.initiatorName = initiatorName
        self.targetName = targetName
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(
            name: reader.required("name"), mac: reader.string("mac"), address: reader.string("address"),
            initiatorName: reader.string("initiator_name"), targetName: reader.string("target_name"))
        self.uuid = reader.string("uuid")
        self.serial = reader.string("serial")
        self.circuitID = reader.string("circuit_id")
        self.remoteID = reader.string("remote_id")
        self.group = reader.string("group")
        self.settings = BootSettings(&reader)
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        let own: [String: JSONValue?] = [
            "name": .string(self.name),
            "mac": self.mac.map(JSONValue.string),
            "uuid": self.uuid.map(JSONValue.string),
            "serial": self.serial.map(JSONValue.string),
            "circuit_id": self.circuitID.map(JSONValue.string),
            "remote_id": self.remoteID.map(JSONValue.string),
            "group": self.group.map(JSONValue.string),
            "address": self.address.map(JSONValue.string),
            "initiator_name": self.initiatorName.map(JSONValue.string),
            "target_name": self.targetName.map(JSONValue.string),
        ]
        return self.remainder.object(own.merging(self.settings.members) { own, _ in own })
    }

    package subscript<Value>(dynamicMember path: WritableKeyPath<BootSettings, Value>) -> Value {
        get { self.settings[keyPath: path] }
        set { self.settings[keyPath: path] = newValue }
    }

    /// The name that the machine's firmware and kernel log in with.
    package var effectiveInitiatorName: String {
        self.initiatorName ?? "\(Naming.prefix):\(self.name).initiator"
    }

    /// The name of the machine's own target.
    package var effectiveTargetName: String {
        self.targetName ?? "\(Naming.prefix):\(self.name)"
    }

    /// The method where neither the machine nor its group names one is sanboot.
    package var effectiveMethod: Method {
        self.settings.method ?? .sanboot
    }

    package var identity: MachineIdentity {
        MachineIdentity(
            mac: self.mac.flatMap(MACText.canonical), uuid: self.uuid.flatMap(UUIDText.canonical),
            serial: self.serial.flatMap(SerialText.canonical), circuitID: self.circuitID.map(CircuitText.canonical),
            remoteID: self.remoteID.map(CircuitText.canonical))
    }
}

/// Settings that machines share.
package struct ClientGroup: Hashable, Sendable {
    package var name: String
    package var settings: BootSettings
    package var remainder: Remainder

    package init(name: String, settings: BootSettings = BootSettings(), remainder: Remainder = Remainder()) {
        self.name = name
        self.settings = settings
        self.remainder = remainder
    }

    init(_ reader: inout ObjectReader) {
        self.init(name: reader.required("name"), settings: BootSettings(&reader))
        self.remainder = reader.remainder
    }

    package var json: JSONValue {
        self.remainder.object(self.settings.members.merging(["name": .string(self.name)]) { own, _ in own })
    }
}

extension Boot {
    /// The machine with what its group says of it.
    package func resolved(_ client: BootClient) -> BootClient {
        guard let name = client.group, let group = self.groups.first(where: { $0.name == name }) else { return client }
        var result = client
        result.settings = client.settings.filled(from: group.settings)
        return result
    }

    /// All machines, with what their groups say of them.
    package var resolvedClients: [BootClient] {
        let groups = Dictionary(self.groups.map { ($0.name, $0.settings) }) { first, _ in first }
        return self.clients.map { client in
            guard let settings = client.group.flatMap({ groups[$0] }) else { return client }
            var result = client
            result.settings = client.settings.filled(from: settings)
            return result
        }
    }
}
