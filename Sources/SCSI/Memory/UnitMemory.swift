// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a logical unit knows even after a power cut: persistent reservations that were registered with APTPL=1
/// (SPC-4), mode pages that MODE SELECT saved, what SET IDENTIFYING INFORMATION set, and SANITIZE.
///
/// A unit that is given one at its beginning can remember; whoever gave it keeps what `TaskStep.remember` brings.
package struct UnitMemory: Hashable, Sendable {
    /// Nil unless the last registration asked for it (APTPL=1).
    var reservations: Reservations?
    /// The saved mode pages: their bytes from the page code on, by `page code << 8 | subpage code`.
    package var modePages: [UInt16: [UInt8]] = [:]
    /// What SET IDENTIFYING INFORMATION set, by its type.
    package var identifyingInformation: [UInt8: [UInt8]] = [:]
    /// What SET TARGET PORT GROUPS set, by group.
    var portStates: [UInt16: KeptPortState] = [:]
    /// A sanitize operation that has begun and not ended well.
    var sanitizing: SanitizeRecord?

    /// A unit that has nothing to remember yet.
    package init() {}

    struct Reservations: Hashable, Sendable {
        var registrations: [PersistentReservations.Registration] = []
        var reservation: PersistentReservation?
    }
}
