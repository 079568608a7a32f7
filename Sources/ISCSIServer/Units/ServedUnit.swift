// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import NIOCore
import NIOPosix
package import SCSI
import Synchronization

/// A logical unit together with its store, as several targets and sessions share it.
package final class ServedUnit: Sendable {
    package let identity: LogicalUnitIdentity
    package let store: any BlockStore
    /// The store where its blocks may be sent from a file.
    let file: (any FileBackedStore)?
    let blockSize: Int
    /// The unit's state. The lock is held for a decision, never while data moves.
    private let state: Mutex<LogicalUnit>
    private let memory: MemoryQueue?
    let sanitizeRunner = BackgroundRunner(.sanitizing)
    let selfTestRunner = BackgroundRunner(.selfTest)
    let latency = LatencyCounters()
    private let spaceWatch = SpaceWatch()
    private let waiting = Mutex<[TaskTicket: Waiting]>([:])
    private let queueDepth: Int?
    /// Tasks that could not be answered at once, of all sessions.
    private let tasksUnderWay = Atomic<Int>(0)

    /// A task that waits for its turn: which has come already, or what is then to be done.
    private enum Waiting: Sendable {
        case mayBegin
        case begins(@Sendable () -> Void)
    }

    /// - Parameters:
    ///   - info: what is reported of the store, where that is not the store's own word.
    ///   - keeper: where the unit's memory is kept; without one it remembers nothing.
    ///   - spaceInterval: how often the store's space is looked at while an initiator wants to be told of thresholds.
    package init(
        identity: LogicalUnitIdentity, store: any BlockStore,
        info: BlockInfo? = nil, settings: LogicalUnitSettings = LogicalUnitSettings(), keeper: UnitKeeper? = nil,
        spaceInterval: TimeAmount = ServerLimits.spaceInterval
    ) {
        self.identity = identity
        self.store = store
        self.file = store as? any FileBackedStore
        self.blockSize = store.info.geometry.blockSize
        self.queueDepth = settings.queueDepth
        var settings = settings
        settings.passesThrough = store is any PassThroughDevice
        self.state = Mutex(
            LogicalUnit(identity: identity, info: info ?? store.info, settings: settings, memory: keeper?.memory))
        self.memory = keeper.map(MemoryQueue.init)
        if self.withUnit({ $0.isBeingSanitized }) {
            // A power cut, or a stop, came in between.
            self.sanitizeRunner.begin(self, on: MultiThreadedEventLoopGroup.singleton.any())
        }
        if self.store.info.capabilities.contains([.unmap, .tellsUsage]) {
            self.spaceWatch.begin(self, every: spaceInterval)
        }
    }

    /// How long its reads and writes took, whoever sent them.
    package var latencies: LatencySnapshot { self.latency.snapshot }

    /// Ends what the unit does by itself, before its store is closed.
    package func stop() async {
        self.spaceWatch.stop()
        await self.sanitizeRunner.stop()
        await self.selfTestRunner.stop()
    }

    /// Whether as many tasks are under way as may be.
    var isFull: Bool {
        self.queueDepth.map { self.tasksUnderWay.load(ordering: .relaxed) >= $0 } ?? false
    }

    func taskBegan() {
        self.tasksUnderWay.add(1, ordering: .relaxed)
    }

    func taskEnded() {
        self.tasksUnderWay.subtract(1, ordering: .relaxed)
    }

    /// Calls `begin`, on any thread, when the task may begin.
    func whenEnabled(_ ticket: TaskTicket, _ begin: @escaping @Sendable () -> Void) {
        let mayBegin = self.waiting.withLock { waiting in
            if case .mayBegin? = waiting.removeValue(forKey: ticket) { return true }
            waiting[ticket] = .begins(begin)
            return false
        }
        if mayBegin { begin() } else { self.beginEnabledTasks() }
    }

    /// The tasks that began before an ordered one have ended.
    func drained(_ ticket: TaskTicket) {
        self.withUnit { $0.drained(ticket) }
        self.beginEnabledTasks()
    }

    /// A task is over.
    func left(_ ticket: TaskTicket) {
        self.withUnit { $0.left(ticket) }
        self.waiting.withLock { $0[ticket] = nil }
        self.beginEnabledTasks()
    }

    func nexusEnded(_ nexus: UInt64) {
        self.withUnit { $0.nexusEnded(nexus) }
        self.beginEnabledTasks()
    }

    func clearACA(by nexus: UInt64) {
        self.withUnit { $0.clearACA(by: nexus) }
        self.beginEnabledTasks()
    }

    /// Begins the waiting tasks whose turn has come; called when something ended that may have held them back.
    func beginEnabledTasks() {
        for ticket in self.withUnit({ $0.takeEnabledTasks() }) {
            let begin: (@Sendable () -> Void)? = self.waiting.withLock { waiting in
                if case .begins(let begin)? = waiting.removeValue(forKey: ticket) { return begin }
                waiting[ticket] = .mayBegin
                return nil
            }
            begin?()
        }
    }

    /// Brings a change of the unit's memory to stable storage and settles it with the unit; `completion` comes on any
    /// thread.
    func keep(_ change: MemoryChange, completion: @escaping MemoryQueue.Completion) {
        guard let memory else { preconditionFailure("a unit without a memory has nothing to keep") }
        memory.add(change, of: self, completion: completion)
    }

    /// Lets `body` ask or change the unit; one at a time.
    func withUnit<Result: Sendable>(_ body: (inout LogicalUnit) -> Result) -> Result {
        self.state.withLock { unit in body(&unit) }
    }

    /// What the unit reports of its store now.
    package var info: BlockInfo {
        self.withUnit { $0.info }
    }

    /// Makes the store at least `bytes` long, or looks how long it is, and tells all initiators of a new capacity. May
    /// wait for the store.
    ///
    /// - Returns: whether the unit has grown.
    package func grow(to bytes: UInt64?) throws(BlockError) -> Bool {
        guard let store = self.store as? any GrowingStore else {
            throw BlockError(.unsupported, "\(self.identity.product) cannot grow while it is served")
        }
        let before = self.info.geometry.blockCount
        guard bytes.map({ $0 / UInt64(self.blockSize) >= before }) ?? true else {
            throw BlockError(
                .unsupported, "\(self.identity.product) has \(before) blocks of \(self.blockSize) bytes",
                reason: "it cannot shrink while it is served; take it out of its targets first")
        }
        let count = try store.grow(to: bytes)
        guard count >= before else {
            throw BlockError(
                .unavailable, "\(self.identity.product) had \(before) blocks of \(self.blockSize) bytes",
                reason: "somebody has cut it down to \(count); what was beyond cannot be read")
        }
        return self.withUnit { unit in
            guard count > unit.info.geometry.blockCount else { return false }
            var info = unit.info
            info.geometry.blockCount = count
            unit.resized(to: info)
            return true
        }
    }

    package var targetPortGroups: TargetPortGroups {
        self.withUnit { $0.ports }
    }

    /// Through which ports the unit is reached how well.
    package func setTargetPortGroups(_ groups: TargetPortGroups) {
        self.withUnit { $0.setTargetPortGroups(groups) }
        self.timeTransitions()
    }

    /// Ends the transitions of port groups that have begun, each in its time (LIO's trans_delay_msecs).
    func timeTransitions() {
        for (group, milliseconds) in self.withUnit({ $0.takeTransitions() }) {
            MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: .milliseconds(Int64(milliseconds))) {
                [weak self] in
                self?.withUnit { $0.endTransition(ofGroup: group) }
            }
        }
    }

    /// Sense data for a store that failed.
    func failed(_ error: BlockError) -> CommandResult {
        self.withUnit { $0.failed(error) }
    }
}
