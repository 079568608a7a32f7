// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootHistory
import BootServer
import BootStory
import ControlAPI
package import ISCSIServer
package import Logging
import Model
import NIOPosix

/// The owner of everything that runs: servers, stores, configuration, stories.
///
/// Every change takes one way (`change`): what the configuration then is, changed; all its problems; the plan from
/// what runs to what is to run; the plan carried out; the file written. Changes queue up, so that each meets the
/// result of the one before. Starting is the way from nothing, stopping the way to nothing.
///
/// `running` is what really runs, not what was asked for: a step that fails leaves its mark there, and the next
/// plan, made from it, tries again.
package actor Daemon {
    let options: Options
    let seams: Seams
    let logger: Logger
    let machines: MachineTable
    var credentialChanges: UInt64 = 0
    /// Machines that are being made known.
    var enrolments = 0
    let started = Instant.now()
    private let events: AsyncStream<Event>
    let eventInbox: AsyncStream<Event>.Continuation

    var configuration = Configuration()
    var generation = 0
    /// What `configuration` was read from or written to.
    var stored = ConfigurationFile.Stored()
    /// When the journal of changes is to be taken into the file; nil where there is nothing to take.
    var foldTime: Instant?
    /// What was made of `configuration` last.
    var expanded: ExpandedConfiguration?
    var running = Deployment()
    /// Whether `running` is the deployment of `expanded`, nothing having failed.
    var runsExpanded = false
    var units: [String: ServedUnit] = [:]
    /// What of the file made no sense; it is kept there.
    var unreadable: [Problem] = []
    /// What is configured and does not run, or not as one may think.
    var problems: [Problem] = []
    /// Other DHCP servers that were met where ours is to be the only one.
    var otherServers: [Problem] = []
    var chronicle = Chronicle()
    /// Nil where the boots cannot be kept.
    var history: BootHistory?
    /// Machines with news that are not kept yet, and whether a write is under way.
    var unkept: Set<String> = []
    var isKeeping = false
    var lastHistoryComplaint = Instant(milliseconds: 0)
    var unknownMachines = UnknownMachines()
    var followers: [Int: Follower] = [:]
    var nextFollower = 0
    var listeners = EventListeners()
    var lastPing = Instant.now()
    var rates = SessionRates()
    var networkAPI: APIStatus?
    private var lastTurn: Task<Void, Never>?

    package struct Options: Sendable {
        package var configurationPath: String
        package var stateFolder: String
        package var version: String
        /// How long sessions may take to finish what is in flight when the daemon stops.
        package var grace: Duration

        package init(configurationPath: String, stateFolder: String, version: String, grace: Duration) {
            self.configurationPath = configurationPath
            self.stateFolder = stateFolder
            self.version = version
            self.grace = grace
        }
    }

    /// What the daemon drives.
    package struct Seams: Sendable {
        var targets: any TargetService
        var boot: any BootService
        var stores: any StoreOpening
        var credentials: BootCredentials

        package init(
            targets: any TargetService, boot: any BootService, stores: any StoreOpening,
            credentials: BootCredentials = BootCredentials()
        ) {
            self.credentials = credentials
            self.targets = targets
            self.boot = boot
            self.stores = stores
        }
    }

    /// `makeSeams` is given where the target service is to report its sessions.
    package init(
        options: Options, logger: Logger,
        makeSeams: (_ observer: @escaping @Sendable (SessionEvent) -> Void) -> Seams
    ) {
        self.options = options
        self.logger = logger
        // An overload of events loses the oldest ones from the timelines, never the daemon's memory.
        let (events, inbox) = AsyncStream.makeStream(
            of: Event.self, bufferingPolicy: .bufferingNewest(Limits.eventsWaiting))
        self.events = events
        self.eventInbox = inbox
        self.seams = makeSeams { inbox.yield(Event(at: .now(), kind: .session($0))) }
        self.machines = MachineTable(credentials: self.seams.credentials)
    }

    nonisolated var file: ConfigurationFile {
        ConfigurationFile(path: self.options.configurationPath)
    }

    /// Reads the configuration and serves it. What cannot be served is in the log and in the status; the rest runs.
    package func start() async throws {
        let file = self.file
        let opened = try await Self.blocking { try file.open() }
        self.stored = opened.stored
        self.configuration = opened.stored.configuration
        self.generation = await Self.blocking { file.generation }
        self.unreadable = opened.problems
        await self.lookAfterJournal()
        await self.restoreCredentials()
        self.machines.handOn(to: self)
        // Before any machine is answered, so that its next boot has the next number.
        await self.openHistory()
        await self.inTurn { await $0.deploy() }
    }

    /// Ends everything: sessions get their grace, stores are flushed and closed.
    package func stop() async {
        self.logger.notice("stopping: sessions have \(self.options.grace) to finish")
        await self.inTurn { daemon in
            await daemon.seams.targets.shutdown(grace: daemon.options.grace)
            _ = await daemon.carryOut(Plan.diff(daemon.running, Deployment()))
            await daemon.fold()
            daemon.logger.notice("stopped")
        }
        self.machines.handOn(to: nil)
        await self.keepBoots()
        await self.keepCredentials()
        self.eventInbox.finish()
        for follower in self.followers.values { follower.lines.finish() }
        self.followers = [:]
        self.listeners.finish()
    }

    /// Takes in what the servers see and looks at the sessions' counters once a second, until `stop`.
    package func observe() async {
        let counters = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                await self?.countProgress()
            }
        }
        for await event in self.events { self.received(event) }
        counters.cancel()
    }

    /// Runs `body` when every turn asked for before has ended.
    func inTurn<Result: Sendable>(
        _ body: @escaping @Sendable (isolated Daemon) async throws -> Result
    ) async throws -> Result {
        let previous = self.lastTurn
        let turn = Task {
            await previous?.value
            return try await body(self)
        }
        self.lastTurn = Task { _ = try? await turn.value }
        return try await turn.value
    }

    func inTurn(_ body: @escaping @Sendable (isolated Daemon) async -> Void) async {
        let previous = self.lastTurn
        let turn = Task {
            await previous?.value
            await body(self)
        }
        self.lastTurn = turn
        await turn.value
    }

    /// Does what the file system may keep waiting on a thread that may wait.
    static func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await NIOThreadPool.singleton.runIfActive(body)
    }

    static func blocking<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        do {
            return try await NIOThreadPool.singleton.runIfActive(body)
        } catch {
            preconditionFailure("the process-wide thread pool is never shut down")
        }
    }
}
