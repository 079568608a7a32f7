// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import ISCSI
import ISCSIServer
import Logging
import NIOCore
import NIOPosix
import SCSI
import Testing

@testable import Initiator

/// Our initiator and our target on loopback.
@Suite("initiator: sessions with our own target")
struct SessionTests {
    static let target = "iqn.2024-01.test.bootlab:disk"

    /// Serves a RAM disk while `body` runs.
    static func serving(
        _ store: any BlockStore, access: AccessRules = .anyone, _ body: (TargetURL) async throws -> Void
    ) async throws {
        let server = ISCSIServer(
            group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { _ in }
        let portal = try await server.listen(Portal(host: "127.0.0.1", port: 0))
        let unit = ServedUnit(
            identity: LogicalUnitIdentity(product: "disk", serial: "00000000-0000-4000-8000-000000000000"), store: store
        )
        await server.setTarget(TargetDefinition(name: Self.target, units: [0: unit], access: access))
        var failure: (any Error)?
        do {
            try await body(TargetURL("iscsi://127.0.0.1:\(portal.port)/\(Self.target)/0"))
        } catch {
            failure = error
        }
        await server.shutdown(grace: .milliseconds(200))
        try store.close()
        if let failure { throw failure }
    }

    private static func open(_ url: TargetURL) async throws -> InitiatorSession {
        try await InitiatorSession.open(url, group: MultiThreadedEventLoopGroup.singleton)
    }

    /// Why no session can be opened.
    private static func refusal(_ url: TargetURL) async -> String {
        do {
            await (try Self.open(url)).close()
            return "none"
        } catch {
            return "\(error)"
        }
    }

    @Test func `a unit tells what it is`() async throws {
        try await Self.serving(RAMStore(size: 1 << 20)) { url in
            let session = try await Self.open(url)
            #expect(try await session.capacity() == UnitCapacity(blockSize: 512, blockCount: 2_048))
            let inquiry = try await session.inquiry()
            #expect((inquiry.vendor, inquiry.product, inquiry.deviceType) == ("APUS", "disk", 0))
            #expect(try await session.serialNumber() == "00000000-0000-4000-8000-000000000000")
            #expect(try await session.luns() == [0])
            await session.close()
        }
    }

    @Test func `discovery names the target and its address`() async throws {
        try await Self.serving(RAMStore(size: 1 << 20)) { url in
            var portal = url
            portal.target = nil
            let session = try await Self.open(portal)
            let targets = try await session.discover()
            #expect(targets.map(\.name) == [Self.target])
            #expect(targets.flatMap(\.addresses) == ["127.0.0.1:\(url.port),1"])
            await session.close()
        }
    }

    @Test func `a refused login, a missing target and a missing LUN say so`() async throws {
        try await Self.serving(RAMStore(size: 1 << 20), access: .initiators(["iqn.other"])) { url in
            #expect(await Self.refusal(url).contains("this initiator is not in the target's ACLs"))
            var other = url
            other.target = "iqn.nobody"
            #expect(await Self.refusal(other).contains("it knows no target of that name"))
        }
        try await Self.serving(RAMStore(size: 1 << 20)) { url in
            var other = url
            other.lun = 3
            let session = try await Self.open(other)
            let error = await #expect(throws: InitiatorError.self) { try await session.capacity() }
            #expect(error?.context.contains("READ CAPACITY (16) fails: illegal request (25h/00h)") == true)
            await session.close()
        }
    }

    @Test func `nobody at an address is told as that`() async throws {
        let reason = try await Self.refusal(TargetURL("iscsi://127.0.0.1:1/iqn.a/0"))
        #expect(reason.contains("nobody answers: Connection refused"))
    }

    @Test(arguments: [false, true], [512, 4_096, 131_072, 1_048_576])
    func `perf finds what it wrote`(digests: Bool, blockBytes: Int) async throws {
        try await Self.serving(RAMStore(size: 8 << 20)) { url in
            var workload = PerfWorkload()
            workload.blockBytes = blockBytes
            workload.depth = 8
            workload.readPercent = 40
            workload.sessions = 2
            workload.seconds = 60
            workload.count = blockBytes < 131_072 ? 60 : 10
            workload.verifies = true
            var options = InitiatorOptions()
            options.headerDigest = digests
            options.dataDigest = digests
            let report = try await PerfRun(url, workload, options: options).run(withHistogram: true) { _ in }
            #expect(report.reads > 0 && report.writes > 0 && report.ios == 2 * (workload.count ?? 0))
            #expect(report.fairness.least == workload.count && report.fairness.most == workload.count)
            #expect(report.latencyMicroseconds.p50 <= report.latencyMicroseconds.p999)
            #expect(report.histogram?.reduce(0) { $0 + $1[1] } == Double(report.ios))
        }
    }

    @Test func `perf notices a disk that forgets`() async throws {
        try await Self.serving(RAMStore(size: 1 << 20, discards: true)) { url in
            var workload = PerfWorkload()
            workload.readPercent = 50
            workload.seconds = 60
            workload.verifies = true
            let run = PerfRun(url, workload, options: InitiatorOptions())
            let error = await #expect(throws: InitiatorError.self) { try await run.run { _ in } }
            #expect(error?.context.contains("are not those that were written last") == true)
        }
    }

    @Test func `idle sessions do nothing and end`() async throws {
        try await Self.serving(RAMStore(size: 1 << 20)) { url in
            var workload = PerfWorkload()
            workload.depth = 0
            workload.sessions = 100
            workload.seconds = 0.1
            let report = try await PerfRun(url, workload, options: InitiatorOptions()).run { _ in }
            #expect(report.ios == 0 && report.sessions == 100)
        }
    }
}
