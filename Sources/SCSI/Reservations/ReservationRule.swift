// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Which commands another nexus's reservation keeps out.
enum ReservationRule: Sendable {
    /// None (INQUIRY, REPORT LUNS, REQUEST SENSE, READ CAPACITY …).
    case always
    /// RESERVE's only; persistent reservations let the command through (TEST UNIT READY …).
    case unlessReserved
    /// Those that exclude reading.
    case reads
    /// All.
    case writes
}

/// A reservation of the whole logical unit by RESERVE, SPC-2's way; initiators that know nothing else still use it.
struct LegacyReservation: Sendable {
    /// The identifier of the nexus that holds it, and with which it ends.
    var holder: UInt64
}

extension LogicalUnit {
    var isReserved: Bool {
        self.reservation != nil || self.persistent.reservation != nil
    }

    /// Whether a command under `rule` must end with RESERVATION CONFLICT (SPC-4).
    func conflicts(_ rule: ReservationRule, _ nexus: borrowing Nexus) -> Bool {
        guard rule != .always else { return false }
        if let reservation, reservation.holder != nexus.id { return true }
        guard rule != .unlessReserved, let reservation = self.persistent.reservation else { return false }
        let registration = self.persistent.registration(of: nexus)
        if registration != nil, reservation.type.admitsRegistrants || reservation.holder == registration?.port {
            return false
        }
        return rule == .writes || reservation.type.excludesReading
    }
}
