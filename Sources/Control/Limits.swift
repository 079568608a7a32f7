// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Bounds of the daemon.
package enum Limits {
    /// What earlier versions of a configuration take on disk, and how many are kept even where these alone take more.
    static let historyBytes: Int64 = 64 << 20
    static let versionsKeptOfAnySize = 10
    /// A configuration file as long as this, a hundred LUNs, is not written anew for each change; a line of its journal that
    /// is longer is none, and when its changes take a quarter of it, it is written with them.
    static let journalledFileBytes = 64 << 10
    static let journalLineBytes = 64 << 10
    /// Time without a change after which the journal is taken into the file, and until that is tried again if it fails.
    static let foldAfterMilliseconds: Int64 = 2000
    static let foldAgainMilliseconds: Int64 = 60_000
    /// Events of servers that wait for the daemon: what a thousand machines that start at once bring.
    package static let eventsWaiting = 20_000
    /// Threads for stores that have to wait for their medium: enough to keep a fast one busy.
    package static let storeThreads = 16
    /// How often, and at what distance, a command tries to get the configuration's lock: five seconds in all.
    package static let lockAttempts = 250
    package static let lockIntervalMilliseconds = 20
    /// Less free room than this is worth a word: it is what one small image takes.
    package static let roomBytes: UInt64 = 2_000_000_000
    /// Fewer open files than this are worth a word: about as many as two hundred machines need.
    package static let openFiles: UInt = 1024
    /// People who watch timelines at the same time.
    package static let followers = 64
    /// Events that wait for one listener; beyond them it loses the oldest.
    package static let eventsPerListener = 256
    /// Seconds between two signs of life to those who listen.
    package static let pingSeconds = 15.0
    /// Seconds for which a machine that nobody configured is not logged again.
    package static let unknownMachineSilenceSeconds = 60.0
    /// Unknown machines whose last log line is remembered.
    package static let unknownMachinesRemembered = 1024
    /// Machines of which it is remembered what they tell of themselves: more than one network has.
    package static let machinesRemembered = 16_384
    /// Seconds in which a request for a boot's credentials that comes again gets the same.
    package static let credentialRepeatSeconds = 10.0
    /// Machines that may make themselves known at the same time: each has a disk copied for it.
    package static let enrolmentsAtOnce = 4
    /// Machines that a configuration has when no more may make themselves known.
    package static let enrolledMachines = 1024
    /// Hexadecimal digits of the API's token: 256 bits; and the fewest characters of one that somebody else wrote.
    package static let tokenDigits = 64
    package static let shortestToken = 32
    /// Sockets that the service manager can hand over: the API's two.
    static let inheritedSockets: CInt = 2
    /// Connections to the API by TCP at a time: administrators, and programs that watch.
    package static let networkConnections = 256
    /// Seconds that a connection to the API by TCP may be silent before its request has come.
    package static let networkIdleSeconds: Int64 = 30
    /// Bytes that one copy_file_range call moves, so that a copy can be given up in between.
    package static let copyBytes = 64 << 20
}
