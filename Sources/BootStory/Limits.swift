// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Bounds of what is remembered, so that no machine's behaviour can fill the daemon's memory.
package enum Limits {
    /// A machine that restarts all day: the last boots are what one looks at.
    package static let bootsPerMachine = 8
    /// A boot has about twenty entries; one that loops is cut in its middle.
    package static let entriesPerBoot = 120
    /// Bytes that firmware does not read for itself: partition tables, a FAT's directories and a boot loader are less, a
    /// kernel is more.
    package static let loaderBytes: UInt64 = 4_000_000
    /// Bytes that firmware reads of a disk on which it finds nothing to start: partition table and directories.
    package static let emptyDiskBytes: UInt64 = 400_000
    /// A boot has three or four sessions.
    package static let sessionsPerBoot = 32
    /// Machines that are not configured, of which a network can have many: the oldest are forgotten.
    package static let unknownMachines = 256
}
