// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a user may choose of a logical unit. What is not chosen is as the unit has it by itself.
package struct LogicalUnitSettings: Sendable {
    /// The medium can be taken out (RMB=1).
    package var removable: Bool
    /// The most bytes that one READ or WRITE moves (VPD page B0).
    package var maximumTransferBytes: Int
    /// The unit is a device of the host, which gets every command as it is.
    package var passesThrough: Bool

    /// Commands that the unit does without.
    package var withheld: CommandFamilies = []
    /// Bits of CDBs that say what the cache is to do, and that the unit refuses: DPO and FUA.
    package var refusesDPO = false
    package var refusesFUA = false

    /// TAS of the control mode page, until an initiator chooses.
    package var taskAbortedStatus = false
    /// Tasks of a nexus are done in the order in which they came, one after the other (QUEUE ALGORITHM MODIFIER 0h).
    package var keepsOrder = false
    package var attentionInterlock = AttentionInterlock.none
    /// Tasks that may be under way at the unit, of all nexuses; nil for as many as their command windows let through.
    package var queueDepth: Int?

    /// A persistent reservation's registration is that of an initiator, whatever its ISID, rather than of a port.
    package var ignoresISID = false
    /// Registrations outlive power cuts whether or not they ask for it (APTPL).
    package var alwaysPersists = false

    /// Bounds and hints of VPD page B0, in blocks where they are no counts of descriptors.
    package var maximumUnmapDescriptors: UInt32?
    package var maximumWriteSameBlocks: UInt32?
    package var optimalTransferBlocks: UInt32?
    package var unmapGranularityBlocks: UInt32?
    package var unmapAlignmentBlocks: UInt32?

    package init(
        removable: Bool = false, maximumTransferBytes: Int = Limits.maximumTransferBytes, passesThrough: Bool = false
    ) {
        self.removable = removable
        self.maximumTransferBytes = maximumTransferBytes
        self.passesThrough = passesThrough
    }

    /// The refused bits, where they stand in a CDB's second byte.
    var refusedAccessBits: UInt8 {
        (self.refusesDPO ? 0x10 : 0x00) | (self.refusesFUA ? 0x08 : 0x00)
    }
}

/// Commands that belong together, and that a unit can do without. Their bits are those of their commands' traits.
package struct CommandFamilies: OptionSet, Sendable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// EXTENDED COPY and RECEIVE COPY RESULTS.
    package static let thirdPartyCopy = CommandFamilies(rawValue: 1 << 8)
    package static let compareAndWrite = CommandFamilies(rawValue: 1 << 9)
    /// RESERVE, RELEASE, and PERSISTENT RESERVE IN and OUT.
    package static let reservations = CommandFamilies(rawValue: 1 << 10)
    /// REPORT SUPPORTED OPERATION CODES.
    package static let operationCodes = CommandFamilies(rawValue: 1 << 11)
    /// REPORT and SET TARGET PORT GROUPS, and what their states do.
    package static let targetPortGroups = CommandFamilies(rawValue: 1 << 12)
}

/// What becomes of a unit attention that a command was ended with (UA_INTLCK_CTRL of the control mode page, SPC-4).
package enum AttentionInterlock: UInt8, Sendable {
    /// It is cleared.
    case none = 0b00
    /// It stays until REQUEST SENSE clears it.
    case keeps = 0b10
    /// It stays, and BUSY, TASK SET FULL and RESERVATION CONFLICT establish one, too.
    case keepsAndEstablishes = 0b11
}
