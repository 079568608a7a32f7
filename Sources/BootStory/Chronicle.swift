// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The stories of all machines, and the way from what a sight names to the machine it is of.
package struct Chronicle: Sendable {
    /// By canonical MAC.
    package private(set) var machines: [String: MachineStory] = [:]
    /// Who has which address, as DHCP gave them out.
    private var macByAddress: [String: String] = [:]
    private var clientByInitiator: [String: String] = [:]
    private var clientByTarget: [String: String] = [:]
    private var clients: [String: Client] = [:]
    /// The MACs of clients that are known by something else, as they were seen last.
    private var macByClient: [String: String] = [:]

    package init() {}

    /// A configured machine: how its sessions are known.
    package struct Client: Hashable, Sendable {
        package var name: String
        /// Nil for one that is known by something else, until it has been seen.
        package var mac: String?
        package var initiatorName: String
        package var targetName: String
        package var method: String?

        package init(
            name: String, mac: String?, initiatorName: String, targetName: String, method: String? = nil
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
        self.clientByInitiator = Dictionary(clients.map { ($0.initiatorName, $0.name) }) { first, _ in first }
        self.clientByTarget = Dictionary(clients.map { ($0.targetName, $0.name) }) { first, _ in first }
        self.clients = Dictionary(clients.map { ($0.name, $0) }) { first, _ in first }
        self.macByClient = self.macByClient.filter { self.clients[$0.key] != nil }
        for mac in self.machines.keys { self.machines[mac]?.client = nil }
        for client in clients {
            if let mac = client.mac ?? self.macByClient[client.name] { self.found(client.name, mac: mac) }
        }
    }

    /// The machine with this MAC is the client, by whatever it is known.
    package mutating func found(_ client: String, mac: String) {
        guard let entry = self.clients[client] else { return }
        if let before = self.macByClient[client], before != mac { self.machines[before]?.client = nil }
        self.macByClient[client] = mac
        self.machines[mac, default: MachineStory(mac: mac)].client = client
        self.machines[mac]?.method = entry.method
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

    /// Takes over boots of an earlier run of the daemon, the oldest first.
    package mutating func restore(_ boots: [BootRecord], mac: String) {
        var story = self.machines[mac] ?? MachineStory(mac: mac)
        guard story.boots.isEmpty else { return }
        story.boots = boots.suffix(Limits.bootsPerMachine).map(\.closed)
        self.machines[mac] = story
    }

    package func story(ofClient name: String) -> MachineStory? {
        guard let client = self.clients[name] else { return nil }
        return self.macByClient[name].flatMap { self.machines[$0] } ?? MachineStory(mac: "", client: client.name)
    }

    /// The machine that DHCP gave `address` to.
    package func mac(atAddress address: String) -> String? {
        self.macByAddress[address]
    }

    package func mac(ofInitiator name: String) -> String? {
        self.clientByInitiator[name].flatMap { self.macByClient[$0] }
    }

    /// The machine whose target `name` is.
    package func mac(ofTarget name: String) -> String? {
        self.clientByTarget[name].flatMap { self.macByClient[$0] }
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
