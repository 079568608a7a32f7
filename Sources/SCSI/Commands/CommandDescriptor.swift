// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// One command of the device server: how it is recognised, what it may meet, who answers it.
struct CommandDescriptor: Sendable {
    /// What a command does to a unit, which `begin` then does and returns.
    typealias Handler = @Sendable (inout LogicalUnit, CDB, Nexus) -> TaskStep

    /// The command's name as the standards print it.
    let name: String
    /// CDB usage data (SPC-4): a CDB-sized map whose set bits the unit looks at. Byte 0 is the operation code,
    /// and the service action stands in its field.
    let usage: [UInt8]
    let serviceAction: UInt16?
    let access: Access
    let handler: Handler

    var operationCode: UInt8 { self.usage[0] }

    /// What is checked before the handler; kept apart so that a look at it touches no reference count.
    struct Access: Sendable {
        var reservation: ReservationRule
        var traits: Traits
        /// Of DPO (bit 4) and FUA (bit 3) of byte 1, those that the command has.
        var accessBits: UInt8
    }

    struct Traits: OptionSet, Sendable {
        let rawValue: UInt16

        /// Answered although a unit attention waits (SAM-5 §5.14).
        static let ignoresUnitAttention = Traits(rawValue: 1 << 0)
        /// Refused while there is no medium, or it is stopped.
        static let needsMedium = Traits(rawValue: 1 << 1)
        /// Refused where the medium is write-protected.
        static let writesMedium = Traits(rawValue: 1 << 2)
        /// Offered only where the store can unmap.
        static let needsUnmap = Traits(rawValue: 1 << 3)
        /// Offered only where the store can write whole or not at all.
        static let needsAtomicWrite = Traits(rawValue: 1 << 4)
        /// Lets a unit whose sanitize operation failed be used again.
        static let endsSanitizeFailure = Traits(rawValue: 1 << 5)
        /// Offered only where somebody keeps what the unit remembers.
        static let needsMemory = Traits(rawValue: 1 << 6)
        /// Offered only where the store encrypts.
        static let needsEncryption = Traits(rawValue: 1 << 7)
        /// The families that a user may do without, with the bits of `CommandFamilies`.
        static let thirdPartyCopy = Traits(.thirdPartyCopy)
        static let compareAndWrite = Traits(.compareAndWrite)
        static let reservations = Traits(.reservations)
        static let operationCodes = Traits(.operationCodes)
        static let targetPortGroups = Traits(.targetPortGroups)
        /// Reads or writes blocks through the cache: bits 4 and 3 of byte 1 are DPO and FUA, as far as it has them.
        static let usesCache = Traits(rawValue: 1 << 13)
        /// Not offered by every unit.
        static let optional: Traits = [
            .needsUnmap, .needsAtomicWrite, .needsMemory, .needsEncryption, .thirdPartyCopy, .compareAndWrite,
            .reservations, .operationCodes, .targetPortGroups,
        ]

        init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        private init(_ family: CommandFamilies) {
            self.rawValue = family.rawValue
        }
    }

    init(
        _ name: String, _ usage: [UInt8], serviceAction: UInt16? = nil, _ reservation: ReservationRule,
        _ traits: Traits = [], handler: @escaping Handler
    ) {
        self.name = name
        self.usage = usage
        self.serviceAction = serviceAction
        self.access = Access(
            reservation: reservation, traits: traits, accessBits: traits.contains(.usesCache) ? usage[1] & 0x18 : 0)
        self.handler = handler
    }
}
