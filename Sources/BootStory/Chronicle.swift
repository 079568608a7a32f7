// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The stories of all machines, and the way from what a sight names to the machine it is of.
package struct Chronicle: Sendable {
    /// By canonical MAC.
    package private(set) var machines: [String: MachineStory] = [:]
    /// Who has which address, as DHCP gave them out.
    private var macByAddress: [String: String] = [:]
    private var macByInitiator: [String: String] = [:]
    private var macByTarget: [String: String] = [:]
    private var macByClient: [String: String] = [:]

    package init() {}

    /// A configured machine: how its sessions are known.
    package struct Client: Hashable, Sendable {
        package var name: String
        package var mac: String
        package var initiatorName: String
        package var targetName: String
        package var method: String?

        package init(
            name: String, mac: String, initiatorName: String, targetName: String, method: String? = nil
        ) {
            self.name = name
            self.mac = mac
            self.initiatorName = initiatorName
            self.targetName = targetName
            self.method = method
        }
    }

    /// Takes over who is configured now; stories of machines that were removed stay until they are pushed out.
    package mutating func configure(_ clients: [Client]) {
        self.macByInitiator = Dictionary(clients.map { ($0.initiatorName, $0.mac) }) { first, _ in first }
        self.macByTarget = Dictionary(clients.map { ($0.targetName, $0.mac) }) { first, _ in first }
        self.macByClient = Dictionary(clients.map { ($0.name, $0.mac) }) { first, _ in first }
        for mac in self.machines.keys { self.machines[mac]?.client = nil }
        for client in clients {
            self.machines[client.mac, default: MachineStory(mac: client.mac)].client = client.name
            self.machines[client.mac]?.method = client.method
        }
    }

    /// Records `sight` of the machine with this MAC.
    package mutating func received(_ sight: Sight, mac: String, at now: Instant) {
        if self.machines[mac] == nil { self.makeRoom() }
        switch sight {
        case .offer(let address?, _), .acknowledged(let address?, _):
            self.macByAddress[address] = mac
        default: break
        }
        self.machines[mac, default: MachineStory(mac: mac)].received(sight, at: now)
    }

    package func story(ofClient name: String) -> MachineStory? {
        self.macByClient[name].flatMap { self.machines[$0] }
    }

    /// The machine that DHCP gave `address` to.
    package func mac(atAddress address: String) -> String? {
        self.macByAddress[address]
    }

    package func mac(ofInitiator name: String) -> String? {
        self.macByInitiator[name]
    }

    /// The machine whose target `name` is.
    package func mac(ofTarget name: String) -> String? {
        self.macByTarget[name]
    }

    private mutating func makeRoom() {
        let unknown = self.machines.values.filter { $0.client == nil }
        guard unknown.count >= Limits.unknownMachines,
            let oldest = unknown.min(by: { Self.lastSeen($0) < Self.lastSeen($1) })
        else { return }
        self.machines[oldest.mac] = nil
        self.macByAddress = self.macByAddress.filter { $0.value != oldest.mac }
    }

    private static func lastSeen(_ story: MachineStory) -> Instant {
        story.boots.last?.lastActivity ?? Instant(milliseconds: .min)
    }
}
