// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BlockStores
import ISCSI
import ISCSITesting
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import ISCSIServer

@Suite("Event loops", .timeLimit(.minutes(5)))
struct EventLoopTests {
    /// How many sessions each loop has, the fewest first.
    static func spread(_ test: ServerUnderTest) -> [Int] {
        test.server.state.withLock { state in
            MultiThreadedEventLoopGroup.singleton.makeIterator().map { loop in
                state.sessionsOfLoops[ObjectIdentifier(loop)] ?? 0
            }.sorted()
        }
    }

    @Test func `sessions are spread evenly, however many discoveries come between them`() async throws {
        try await ServerUnderTest.run([try RAMStore(size: 1 << 20)]) { test in
            let loops = System.coreCount
            var sockets: [InitiatorSocket] = []
            for number in 1...UInt64(4 * loops) {
                // As many as bring the next connection to the loop of the one before.
                for _ in 1..<loops {
                    let discovery = try await InitiatorSocket(test.portal)
                    #expect(try await discovery.login(target: nil).loginStatus == 0)
                    await discovery.close()
                }
                sockets.append(try await InitiatorSocket.ready(test.portal, isid: number))
            }
            #expect(Self.spread(test) == Array(repeating: 4, count: loops))
            // One that came from another loop works as any other does.
            for socket in sockets {
                let data = [UInt8](repeating: 5, count: 4096)
                #expect(try await socket.execute(cdb(0x2a, lba: 8, count: 8), written: data).status == 0)
                #expect(try await socket.execute(cdb(0x28, lba: 8, count: 8), read: 4096).data == data)
            }
            for socket in sockets { await socket.close() }
            await test.loggedOut(4 * loops)
        }
    }

    @Test func `sessions that end make room on their loop for the next ones`() async throws {
        try await ServerUnderTest.run([try RAMStore(size: 1 << 20)]) { test in
            let loops = System.coreCount
            var sockets: [InitiatorSocket] = []
            for number in 1...UInt64(2 * loops) {
                sockets.append(try await InitiatorSocket.ready(test.portal, isid: number))
            }
            // All of one loop end.
            let first = try #require(test.server.lives { _ in true }.first).eventLoop
            let ending = test.server.lives { $0.loop === first }
            for live in ending { live.eventLoop.execute { live.value.cutOff() } }
            await test.loggedOut(ending.count)
            for number in 101...UInt64(100 + ending.count) {
                sockets.append(try await InitiatorSocket.ready(test.portal, isid: number))
            }
            #expect(Self.spread(test) == Array(repeating: 2, count: loops))
            for socket in sockets { await socket.close() }
        }
    }

    @Test(arguments: [
        // What each period found, and whether polling is tried at each of the next chances.
        ([true, false, true, false, true], [true, true, true]),
        ([false, false], [true, true, true]),
        ([false, false, false], Array(repeating: false, count: 8) + [true]),
        ([false, false, false, true], [true, true]),
    ])
    func `polling pauses where it finds nothing`(_ found: [Bool], _ next: [Bool]) {
        var decision = PollingDecision()
        for found in found {
            while !decision.begins() {}
            decision.ended(foundWork: found)
        }
        #expect(next.map { _ in decision.begins() } == next)
    }

    @Test func `a server that polls answers, and sleeps when nobody sends`() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let store = try RAMStore(size: 1 << 20)
        try await ServerUnderTest.run([store], pollingSpan: .milliseconds(5)) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            for _ in 0..<100 {
                #expect(try await socket.execute(cdb(0x28, lba: 8, count: 8), read: 4096).status == 0)
            }
            for loop in group.makeIterator() {
                try await loop.submit {
                    #expect(test.server.poller(on: loop) != nil)
                }.get()
            }
            await socket.close()
        }
    }
}
