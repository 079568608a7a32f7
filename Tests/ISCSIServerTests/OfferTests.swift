// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Testing

@Suite("What a portal group offers over sockets", .timeLimit(.minutes(5)))
struct OfferTests {
    private static func run(
        _ offer: SessionOffer, _ body: (ServerUnderTest, ScriptedStore) async throws -> Void
    ) async throws {
        let store = try ScriptedStore()
        try await ServerUnderTest.run([store]) { test in
            var definition = test.target()
            definition.groups[0].offer = offer
            await test.server.setTarget(definition)
            try await body(test, store)
        }
    }

    /// What LIO offers of its own accord.
    private static var lio: SessionOffer {
        var offer = SessionOffer(maxConnections: 1, errorRecoveryLevel: 0)
        (offer.initialR2T, offer.dataPDUInOrder, offer.dataSequenceInOrder) = (true, true, true)
        (offer.maxOutstandingR2T, offer.maxBurstLength, offer.firstBurstLength) = (1, 262_144, 65_536)
        (offer.maxRecvDataSegmentLength, offer.maxXmitDataSegmentLength) = (8_192, 16_384)
        offer.defaultTime2Wait = 2
        return offer
    }

    private static let greedy =
        InitiatorSocket.keys + [
            "MaxConnections=8", "ErrorRecoveryLevel=2", "DataPDUInOrder=No", "DataSequenceInOrder=No",
            "DefaultTime2Retain=20", "HeaderDigest=None", "DataDigest=None",
        ]

    @Test(arguments: [(4, 4), (0, 1), (4_000, 128)] as [(UInt32, UInt32)])
    func `a session has the command window of its group`(offered: UInt32, given: UInt32) async throws {
        var offer = SessionOffer()
        offer.commandWindow = offered
        try await Self.run(offer) { test, store in
            let socket = try await InitiatorSocket(test.portal)
            let answer = try await socket.login()
            #expect(answer.maxCmdSN &- answer.expCmdSN &+ 1 == given)
            // The unit attention of a new nexus.
            _ = try await socket.execute(testUnitReady)
            store.hold()
            let tag = socket.begin(cdb(0x2a, lba: 0, count: 1), written: [UInt8](repeating: 1, count: 512))
            _ = await store.nextRequest()
            socket.send(.nopOut(tag: 77), isImmediate: true)
            let pong = try await socket.receive()
            #expect(pong.maxCmdSN &- pong.expCmdSN &+ 1 == given - 1)
            store.release()
            #expect(try await socket.end(tag).status == 0)
            #expect(socket.initiator.complaints.isEmpty)
        }
    }

    @Test func `its half is in every answer, in the session, and in what is sent`() async throws {
        try await Self.run(Self.lio) { test, store in
            let socket = try await InitiatorSocket(test.portal)
            let answer = try await socket.login(keys: Self.greedy)
            for pair in [
                "InitialR2T=Yes", "MaxBurstLength=262144", "FirstBurstLength=65536", "MaxOutstandingR2T=1",
                "MaxRecvDataSegmentLength=8192", "DefaultTime2Wait=2", "MaxConnections=1", "ErrorRecoveryLevel=0",
                "DataPDUInOrder=Yes", "DataSequenceInOrder=Yes", "DefaultTime2Retain=0",
            ] { #expect(answer.pairs.contains(pair), "\(pair): \(answer.pairs)") }
            #expect(test.server.sessions().first?.parameters["MaxBurstLength"] == "262144")
            _ = try await socket.execute(testUnitReady)
            let tag = socket.begin(cdb(0x28, lba: 0, count: 128), read: 65_536)
            for _ in 0..<4 { #expect(try await socket.receive().data.readableBytes == 16_384) }
            #expect(tag > 0)
            let written = socket.begin(cdb(0x2a, lba: 0, count: 1_024), writing: 524_288)
            let r2t = try await socket.receive()
            #expect(r2t.header.initiatorTaskTag == written && r2t.desiredLength == 262_144)
            // A segment that is longer than what was declared ends the connection.
            socket.sendBytes(
                socket.initiator.encode(
                    .dataOut(
                        tag: written, transferTag: r2t.transferTag, dataSN: 0, offset: 0, isFinal: false,
                        data: [UInt8](repeating: 0, count: 8_193))))
            #expect(await socket.receiveUntilEnd().isEmpty)
            #expect(store.requests.isEmpty)
        }
    }

    @Test func `one connection a session, where no more are offered`() async throws {
        try await Self.run(Self.lio) { test, _ in
            let socket = try await InitiatorSocket(test.portal)
            let tsih = UInt16(truncatingIfNeeded: try await socket.login(keys: Self.greedy).header.lun)
            let second = try await InitiatorSocket(test.portal)
            #expect(try await second.login(tsih: tsih, connectionID: 1).loginStatus == 0x0206)
        }
    }

    @Test func `a digest that is insisted on`() async throws {
        var offer = SessionOffer()
        offer.headerDigests = ["CRC32C"]
        try await Self.run(offer) { test, _ in
            for keys in [[], ["HeaderDigest=None"]] as [[String]] {
                let without = try await InitiatorSocket(test.portal)
                #expect(try await without.login(keys: keys).loginStatus == 0x0200)
            }
            #expect(await test.refusals(2).allSatisfy { $0 == "the target requires HeaderDigest=CRC32C" })
            let socket = try await InitiatorSocket(test.portal)
            let answer = try await socket.login(keys: ["HeaderDigest=None,CRC32C"])
            #expect(answer.loginStatus == 0 && answer.pairs.contains("HeaderDigest=CRC32C"))
            #expect(try await socket.execute(testUnitReady).status == 2)
        }
    }
}
