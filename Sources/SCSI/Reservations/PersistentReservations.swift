// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The persistent reservations of a logical unit (SPC-4): who is registered, and who of them has reserved it.
///
/// A registration belongs to an initiator port and a target port, by their names, so it outlives sessions; and power cuts
/// while it is activated (APTPL=1).
struct PersistentReservations: Sendable {
    /// PRGENERATION: counts the changes of the registrations.
    var generation: UInt32 = 0
    /// PTPL_A: whether registrations and the reservation outlive a power cut, as the last registration asked (APTPL).
    var isActivated = false
    var registrations: [Registration] = []
    var reservation: PersistentReservation?
    /// Registrations are those of initiators rather than of their ports: ISIDs are left out of names.
    var ignoresISID = false

    /// One I_T nexus, by the names of its ports.
    struct NexusPorts: Hashable, Sendable {
        /// Lower case, as iSCSI names are compared.
        var initiatorPort: String
        /// Nil where the registration holds for all target ports (ALL_TG_PT).
        var targetPort: TargetPort?

        struct TargetPort: Hashable, Sendable {
            var targetName: String
            var relativePort: UInt16
        }

        /// Whether a registration of these ports is one of `other` too.
        func covers(_ other: NexusPorts) -> Bool {
            self.initiatorPort == other.initiatorPort && (self.targetPort == nil || self.targetPort == other.targetPort)
        }
    }

    struct Registration: Hashable, Sendable {
        var port: NexusPorts
        var key: UInt64
    }

    /// The name that an initiator port goes by here.
    func name(_ initiatorPort: String) -> String {
        let name = initiatorPort.lowercased()
        guard self.ignoresISID, let separator = name.utf8.firstRange(of: ",i,0x".utf8) else { return name }
        return String(name[..<separator.lowerBound])
    }

    /// The names that a registration of the nexus goes by.
    func ports(of nexus: borrowing Nexus) -> NexusPorts {
        NexusPorts(
            initiatorPort: self.name(nexus.initiatorPort),
            targetPort: .init(targetName: nexus.targetName, relativePort: nexus.relativeTargetPort))
    }

    /// Puts into force what outlived a power cut. Where ISIDs have come to be ignored since, the first registration of an
    /// initiator stands for the others.
    mutating func restore(_ registrations: [Registration], _ reservation: PersistentReservation?) {
        self.isActivated = true
        guard self.ignoresISID else {
            self.reservation = reservation
            self.registrations = registrations
            return
        }
        for var registration in registrations {
            registration.port.initiatorPort = self.name(registration.port.initiatorPort)
            if !self.registrations.contains(where: { $0.port == registration.port }) {
                self.registrations.append(registration)
            }
        }
        guard var reservation else { return }
        reservation.holder.initiatorPort = self.name(reservation.holder.initiatorPort)
        self.reservation = reservation
    }

    mutating func countChange() {
        self.generation &+= 1
    }

    /// Registers an initiator port through all target ports, in the place of what it has registered through some.
    mutating func registerThroughAllPorts(_ initiatorPort: String, key: UInt64) {
        let port = NexusPorts(initiatorPort: initiatorPort, targetPort: nil)
        self.registrations.removeAll { $0.port.initiatorPort == initiatorPort }
        self.registrations.append(.init(port: port, key: key))
        if self.reservation?.holder.initiatorPort == initiatorPort {
            self.reservation?.holder = port
        }
    }

    func index(of nexus: borrowing Nexus) -> Int? {
        let ports = self.ports(of: nexus)
        return self.registrations.firstIndex { $0.port.covers(ports) }
    }

    func registration(of nexus: borrowing Nexus) -> Registration? {
        self.index(of: nexus).map { self.registrations[$0] }
    }

    func registration(_ port: NexusPorts) -> Registration? {
        self.registrations.first { $0.port == port }
    }

    /// Whether the registration holds the reservation. Of the all-registrants types everyone does.
    func isHolder(_ registration: Registration) -> Bool {
        guard let reservation else { return false }
        return reservation.type.isAllRegistrants || reservation.holder == registration.port
    }

    /// The key that READ RESERVATION shows, and that PREEMPT of the reservation names: zero for the all-registrants
    /// types.
    var holderKey: UInt64? {
        guard let reservation else { return nil }
        guard !reservation.type.isAllRegistrants else { return 0 }
        return self.registrations.first { $0.port == reservation.holder }?.key
    }
}

/// A persistent reservation of the logical unit, the only scope there is.
struct PersistentReservation: Hashable, Sendable {
    var type: ReservationType
    /// Who made it. For the all-registrants types one holder among others.
    var holder: PersistentReservations.NexusPorts
}

/// The types of persistent reservations (SPC-4).
enum ReservationType: UInt8, Sendable, CaseIterable {
    case writeExclusive = 0x1
    case exclusiveAccess = 0x3
    case writeExclusiveRegistrantsOnly = 0x5
    case exclusiveAccessRegistrantsOnly = 0x6
    case writeExclusiveAllRegistrants = 0x7
    case exclusiveAccessAllRegistrants = 0x8

    var isAllRegistrants: Bool {
        self == .writeExclusiveAllRegistrants || self == .exclusiveAccessAllRegistrants
    }

    /// Whether everyone who is registered may do everything.
    var admitsRegistrants: Bool {
        self != .writeExclusive && self != .exclusiveAccess
    }

    /// Whether those who are not let in may not even read.
    var excludesReading: Bool {
        switch self {
        case .exclusiveAccess, .exclusiveAccessRegistrantsOnly, .exclusiveAccessAllRegistrants: true
        case .writeExclusive, .writeExclusiveRegistrantsOnly, .writeExclusiveAllRegistrants: false
        }
    }
}
