// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The bounds of a logical unit, each with its reason.
package enum Limits {
    /// Flat space addressing has 14 bits (SAM-5).
    package static let largestLUN: UInt16 = 0x3FFF

    /// The most bytes that one READ or WRITE moves: what the server is ready to hold for a command. Larger than
    /// what any initiator seen sends (Linux stops at 4 MiB or less, iPXE and edk2 below 1 MiB).
    package static let maximumTransferBytes = 16 << 20

    /// What VPD page B0 recommends: Linux caps its requests at it.
    package static let optimalTransferBytes = 1 << 20

    /// How much VERIFY asks of the store at a time: the data is held in memory for that long.
    static let verificationBytes = 1 << 20

    /// UNMAP block descriptors of one command: a parameter list of about 4 KiB.
    package static let maximumUnmapDescriptors: UInt32 = 256

    /// The most bytes that one WRITE SAME touches: as much as a WRITE, so that it occupies the store no longer.
    package static let maximumWriteSameBytes: UInt64 = 16 << 20

    /// COMPARE AND WRITE's one-byte block count; more gains nothing.
    package static let maximumCompareAndWriteBlocks: UInt8 = 255

    /// Copy sources and destinations of one EXTENDED COPY: a copy has two, initiators that gather segments a few.
    static let copyDevices = 16

    /// Segments of one EXTENDED COPY; each is up to 256 MiB, so that this is 16 GiB.
    static let copySegments = 64

    /// All descriptors of one EXTENDED COPY.
    static let copyDescriptorListBytes = Self.copyDevices * CopyDevice.length + Self.copySegments * 28

    /// The longest segment, which is as much as 65,536 blocks of 4 KiB.
    static let copySegmentBytes: UInt32 = 256 << 20

    /// How much of a copy is in memory at a time: large enough for stores, and bounded whatever initiators ask for.
    static let copyPieceBytes = 1 << 20

    /// EXTENDED COPYs of one unit at a time; BUSY beyond. Each occupies a store as a queue of long WRITEs does.
    static let concurrentCopies = 8

    /// Copies whose results are kept for RECEIVE COPY RESULTS; the oldest is forgotten beyond.
    static let copyRecords = 64

    /// How much of a sanitize operation is one request to the store: short enough that others' requests come between.
    static let sanitizePieceBytes = 4 << 20

    /// The pattern of an overwrite that a memory tells: a block of the largest size.
    static let sanitizePatternBytes = 4096

    /// LBA status descriptors of one answer: initiators ask on behind them.
    static let statusDescriptors = 64

    /// How often one GET LBA STATUS asks the store, which may tell little at a time (a ramdisk looks at 1 MiB).
    static let statusRequests = 4096

    /// PERSISTENT RESERVE OUT's longest parameter list: some two hundred TransportIDs.
    static let maximumReserveOutBytes = 64 << 10

    /// SET TARGET PORT GROUPS' longest parameter list: more groups than a unit has.
    static let setTargetPortGroupsBytes = 4 << 10

    /// Persistent reservation keys of one unit; INSUFFICIENT REGISTRATION RESOURCES beyond. A cluster has one for each
    /// path of each host.
    static let registrations = 1024

    /// A unit's memory as text: more than the registrations, with names of the greatest length and every byte of them
    /// escaped, and the mode pages come to.
    package static let memoryBytes = 4 << 20

    /// Saved mode pages of one unit, and the bytes of one; more than there are.
    static let savedModePages = 64
    static let modePageBytes = 1024

    /// Tasks whose order matters, of all nexuses of a unit; TASK SET FULL beyond. Far more than the command windows of the
    /// few initiators that use ordered tasks.
    static let orderedTasks = 512

    /// Unit attentions that wait for one nexus; SAM-5 §5.14 lets older ones be dropped for POWER ON beyond that.
    static let pendingAttentions = 16
}
