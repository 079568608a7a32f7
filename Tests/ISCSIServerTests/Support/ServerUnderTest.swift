// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import Logging
import NIOCore
import NIOPosix
import SCSI
import Synchronization
import Testing

/// A server on loopback with one target, whose LUNs are the stores given, in their order.
final class ServerUnderTest: Sendable {
    let server: ISCSIServer
    let portal: Portal
    let units: [ServedUnit]
    private let log: EventLog

    /// Starts a server, lets `body` test it, and shuts it down; the stores are then closed.
    static func run(
        _ stores: [any BlockStore], times: ServerTimes = .patient,
        portal: Portal = Portal(host: "127.0.0.1", port: 0),
        access: AccessRules = .anyone, keeper: UnitKeeper? = nil, maxSessions: Int = ServerLimits.connections,
        spaceInterval: TimeAmount = ServerLimits.spaceInterval, settings: LogicalUnitSettings = LogicalUnitSettings(),
        pollingSpan: TimeAmount? = nil,
        _ body: (ServerUnderTest) async throws -> Void
    ) async throws {
        let test = try await ServerUnderTest(
            stores, times: times, portal: portal, access: access, keeper: keeper, maxSessions: maxSessions,
            spaceInterval: spaceInterval, settings: settings, pollingSpan: pollingSpan)
        var failure: (any Error)?
        do { try await body(test) } catch { failure = error }
        // A test that failed may have left requests in its store.
        for store in stores { (store as? ScriptedStore)?.release() }
        await test.server.shutdown(grace: .milliseconds(200))
        #expect(test.server.sessions().isEmpty)
        for store in stores where (store as? ScriptedStore)?.isClosed != true { try store.close() }
        if let failure { throw failure }
    }

    private init(
        _ stores: [any BlockStore], times: ServerTimes, portal: Portal, access: AccessRules,
        keeper: UnitKeeper?, maxSessions: Int, spaceInterval: TimeAmount, settings: LogicalUnitSettings,
        pollingSpan: TimeAmount?
    ) async throws {
        let log = EventLog()
        self.log = log
        self.server = ISCSIServer(
            group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            times: times, maxSessions: maxSessions, pollingSpan: pollingSpan
        ) { log.append($0) }
        self.units = stores.enumerated().map { index, store in
            ServedUnit(
                identity: LogicalUnitIdentity(
                    product: "disk\(index)", serial: "0000000\(index)-0000-4000-8000-000000000000"),
                store: store, settings: settings, keeper: keeper, spaceInterval: spaceInterval)
        }
        self.portal = try await self.server.listen(portal)
        await self.server.setTarget(self.target(access: access))
    }

    /// The target with its LUNs, or with those of `luns` alone.
    func target(luns: [UInt16]? = nil, access: AccessRules = .anyone) -> TargetDefinition {
        let units = Dictionary(uniqueKeysWithValues: self.units.enumerated().map { (UInt16($0.offset), $0.element) })
        return TargetDefinition(
            name: InitiatorSocket.target, units: units.filter { luns?.contains($0.key) ?? true }, access: access)
    }

    /// Waits until `count` sessions have ended since the beginning.
    func loggedOut(_ count: Int = 1) async {
        await self.log.wait(for: count) { if case .loggedOut = $0 { true } else { false } }
    }

    /// Waits until `count` logins were refused, and returns the reasons.
    func refusals(_ count: Int = 1) async -> [String] {
        let refused = await self.log.wait(for: count) { if case .loginRefused = $0 { true } else { false } }
        return refused.compactMap { if case .loginRefused(_, _, _, let reason) = $0 { reason } else { nil } }
    }

    var events: [SessionEvent] {
        self.log.events
    }
}

extension ServerTimes {
    /// Nobody waits in vain, and a test that other tests hold up is not taken for a slow peer. Nobody is asked to log out,
    /// as hardly a test's initiator would.
    static let patient = ServerTimes(
        login: .minutes(5), keepAlive: .minutes(5), logout: .zero, dataOut: .minutes(5))
}

/// What the server told its observer, to be waited for.
final class EventLog: Sendable {
    private let state = Mutex(State())

    private struct State {
        var events: [SessionEvent] = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    var events: [SessionEvent] {
        self.state.withLock { $0.events }
    }

    func append(_ event: SessionEvent) {
        let waiters = self.state.withLock { state in
            state.events.append(event)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns the events that match once there are `count` of them, or the test has run out of time.
    @discardableResult
    func wait(for count: Int, _ matches: (SessionEvent) -> Bool) async -> [SessionEvent] {
        while true {
            let seen = self.events
            let found = seen.filter(matches)
            if found.count >= count { return found }
            if Task.isCancelled {
                Issue.record("\(found.count) of \(count) events came")
                return found
            }
            await withTaskCancellationHandler {
                await self.wait(after: seen.count)
            } onCancel: {
                self.wake()
            }
        }
    }

    private func wait(after count: Int) async {
        await withCheckedContinuation { continuation in
            let isLate = self.state.withLock { state in
                guard state.events.count == count, !Task.isCancelled else { return true }
                state.waiters.append(continuation)
                return false
            }
            if isLate { continuation.resume() }
        }
    }

    private func wake() {
        let waiters = self.state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
