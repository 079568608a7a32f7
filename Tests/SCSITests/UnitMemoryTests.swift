// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import SCSI
import Testing
import Wire

@Suite("APTPL")
struct PersistThroughPowerLossTests {
    /// The unit after a power cut: what was kept, and new sessions of the same hosts.
    private static func afterPowerCut(_ cluster: Cluster) throws -> Cluster {
        let serial = UnitUnderTest.serial
        let text = (cluster.test.kept ?? UnitMemory()).text(ofUnit: serial)
        return Cluster(registered: [], memory: try UnitMemory.read(text, ofUnit: serial))
    }

    @Test func `registrations and the reservation are there after a power cut`() throws {
        var cluster = Cluster(registered: [], memory: UnitMemory())
        #expect(cluster.in(2) == bytes("0008 0D 80 EA01 0000"))
        #expect(cluster.out(0, key: 0, action: Cluster.keyA, flags: 0x01, from: cluster.a).status == .good)
        #expect(cluster.out(6, key: 0, action: Cluster.keyB, flags: 0x05, from: cluster.b).status == .good)
        #expect(cluster.in(2) == bytes("0008 0D 81 EA01 0000"))
        cluster.reserve(6)
        var after = try Self.afterPowerCut(cluster)
        #expect(after.in(2) == bytes("0008 0D 81 EA01 0000"))
        // PRGENERATION begins anew.
        #expect(after.in(0) == bytes("00000000 00000010 AAAA000000000001 BBBB000000000002"))
        #expect(after.in(1) == bytes("00000000 00000010 AAAA000000000001 00000000 00 06 0000"))
        #expect(after.in(3)[8...] == cluster.in(3)[8...])
        #expect(after.test.run([0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], from: after.c)?.status == .reservationConflict)
        #expect(after.out(2, type: 6, key: Cluster.keyA, from: after.a).status == .good)
    }

    @Test(arguments: [UInt8(0), 6])
    func `the last registration decides`(_ action: UInt8) throws {
        var cluster = Cluster(registered: [], memory: UnitMemory())
        #expect(cluster.out(0, key: 0, action: Cluster.keyA, flags: 0x01, from: cluster.a).status == .good)
        cluster.reserve(1)
        #expect(cluster.out(action, key: 0, action: Cluster.keyB, from: cluster.b).status == .good)
        #expect(cluster.in(2) == bytes("0008 0D 80 EA01 0000"))
        var after = try Self.afterPowerCut(cluster)
        #expect(after.in(0) == bytes("00000000 00000000"))
        #expect(after.in(1) == bytes("00000000 00000000"))
    }

    @Test func `every change of what is registered and reserved is kept`() throws {
        var cluster = Cluster(registered: [], memory: UnitMemory())
        #expect(cluster.out(0, key: 0, action: Cluster.keyA, flags: 0x01, from: cluster.a).status == .good)
        #expect(cluster.out(0, key: 0, action: Cluster.keyB, flags: 0x01, from: cluster.b).status == .good)
        func keys(_ cluster: Cluster) throws -> Int {
            var after = try Self.afterPowerCut(cluster)
            return (after.in(0).count - 8) / 8 * 10 + (after.in(1).count > 8 ? 1 : 0)
        }
        #expect(try keys(cluster) == 20)
        cluster.reserve(5)
        #expect(try keys(cluster) == 21)
        #expect(cluster.out(2, type: 5, key: Cluster.keyA, from: cluster.a).status == .good)
        #expect(try keys(cluster) == 20)
        cluster.reserve(1)
        _ = cluster.attention(cluster.b)
        #expect(cluster.out(4, type: 3, key: Cluster.keyB, action: Cluster.keyA, from: cluster.b).status == .good)
        #expect(try keys(cluster) == 11)
        #expect(cluster.out(3, key: Cluster.keyB, from: cluster.b).status == .good)
        #expect(try keys(cluster) == 0)
    }

    @Test func `a change that cannot be kept is no change`() throws {
        var cluster = Cluster(registered: [], memory: UnitMemory())
        #expect(cluster.out(0, key: 0, action: Cluster.keyA, flags: 0x01, from: cluster.a).status == .good)
        cluster.test.canKeep = false
        #expect(cluster.out(1, type: 3, key: Cluster.keyA, from: cluster.a).senseText == "04/44/00")
        #expect(cluster.out(0, key: 0, action: Cluster.keyB, flags: 0x01, from: cluster.b).senseText == "04/44/00")
        #expect(cluster.in(1)[4...] == bytes("00000000")[...])
        #expect(cluster.in(0)[4...] == bytes("00000008 AAAA000000000001")[...])
        cluster.test.canKeep = true
        cluster.reserve(3)
        #expect(cluster.reservation() == bytes("AAAA000000000001 03"))
    }

    @Test func `what APTPL=0 registered is not taken back with it`() {
        var cluster = Cluster(registered: [1], memory: UnitMemory())
        cluster.test.canKeep = false
        #expect(cluster.out(0, key: 0, action: Cluster.keyB, flags: 0x01, from: cluster.b).senseText == "04/44/00")
        #expect(cluster.in(0)[4...] == bytes("00000008 AAAA000000000001")[...])
        cluster.reserve(1)
    }

    @Test func `a change under way is waited for, and takes those after it back when it fails`() throws {
        var cluster = Cluster(registered: [], memory: UnitMemory())
        let first = try Self.registering(&cluster, cluster.a, key: 1)
        let second = try Self.registering(&cluster, cluster.b, key: 2)
        #expect(first.number < second.number)
        cluster.test.unit.settle(first, isKept: false)
        #expect(cluster.test.unit.standing(of: second) == .lost)
        #expect(cluster.in(0)[4...] == bytes("00000000")[...])
        let third = try Self.registering(&cluster, cluster.a, key: 3)
        let fourth = try Self.registering(&cluster, cluster.b, key: 4)
        cluster.test.unit.settle(fourth, isKept: true)
        #expect(cluster.test.unit.standing(of: third) == .kept)
        #expect(cluster.in(0)[4...] == bytes("00000010 0000000000000003 0000000000000004")[...])
    }

    /// The change that a REGISTER asks to keep.
    private static func registering(_ cluster: inout Cluster, _ nexus: Nexus, key: UInt64) throws -> MemoryChange {
        let list = Cluster.list(key: 0, action: key, flags: 0x01)
        var step = cluster.test.begin([0x5F, 0, 0, 0, 0, 0, 0, 0, 24, 0], expectedDataOut: 24, from: nexus)
        if case .collect(_, let continuation) = step {
            step = cluster.test.unit.resume(continuation, with: .collected(ByteBuffer(bytes: list)), nexus: nexus)
        }
        guard case .remember(let change, _) = step else { throw Unexpected(step: step) }
        return change
    }

    private struct Unexpected: Error {
        var step: TaskStep
    }
}

@Suite("A unit's memory as text")
struct UnitMemoryTextTests {
    private static func memory() -> UnitMemory {
        var cluster = Cluster(registered: [], memory: UnitMemory())
        var strange = cluster.c
        strange.id = 8
        strange.initiatorPort = "iqn.2026-11.org.example:ü*%,i,0x000000000001"
        strange.targetName = "iqn.2026-11.org.apus:*"
        cluster.test.unit.nexusBegan(strange)
        _ = cluster.test.run([0], from: strange)
        #expect(cluster.out(0, key: 0, action: Cluster.keyA, flags: 0x01, from: cluster.a).status == .good)
        #expect(cluster.out(0, key: 0, action: Cluster.keyB, flags: 0x05, from: cluster.b).status == .good)
        #expect(cluster.out(0, key: 0, action: .max, flags: 0x01, from: strange).status == .good)
        #expect(cluster.out(1, type: 8, key: .max, from: strange).status == .good)
        var memory = cluster.test.kept ?? UnitMemory()
        memory.modePages = [0x0A00: bytes("0A0A 0010 0000 0000 FFFF 0000"), 0x0801: bytes("4801 00")]
        return memory
    }

    @Test func `it reads what it writes`() throws {
        let memory = Self.memory()
        let text = memory.text(ofUnit: "a serial *")
        #expect(try UnitMemory.read(text, ofUnit: "a serial *") == memory)
        let checksum = String(buffer: text).split(separator: " ").last ?? ""
        let lines = [
            "apus-unit-memory 1", "unit a%20serial%20%2a", "reservations 3",
            "registration aaaa000000000001 iqn.2026-11.org.apus:disk 1 iqn.2026-11.org.example:host1,i,0x00023d000001",
            "registration bbbb000000000002 * 0 iqn.2026-11.org.example:host2,i,0x00023d000002",
            "registration ffffffffffffffff iqn.2026-11.org.apus:%2a 1 iqn.2026-11.org.example:%c3%bc%2a%25,i,0x000000000001",
            "reservation 8 2", "mode-page 0801 480100", "mode-page 0a00 0a0a001000000000ffff0000",
            "checksum \(checksum)",
        ]
        #expect(String(buffer: text) == lines.joined(separator: "\n"))
    }

    @Test func `another unit's memory is nobody's`() throws {
        #expect(try UnitMemory.read(Self.memory().text(ofUnit: "a"), ofUnit: "b") == UnitMemory())
    }

    @Test func `whatever is changed or missing is noticed`() {
        let text = Array(Self.memory().text(ofUnit: "a").readableBytesView)
        for length in 0..<text.count {
            #expect(throws: UnitMemoryFlaw.self) {
                try UnitMemory.read(ByteBuffer(bytes: text.prefix(length)), ofUnit: "a")
            }
        }
        for index in text.indices {
            var changed = text
            changed[index] ^= 0x01
            #expect(throws: UnitMemoryFlaw.self) { try UnitMemory.read(ByteBuffer(bytes: changed), ofUnit: "a") }
        }
    }

    /// Texts whose checksum is right: what stands in them is wrong.
    @Test(arguments: [
        "", "unit a\n", "apus-unit-memory 2\nunit a\n", "apus-unit-memory 1\n",
        "apus-unit-memory 1\nunit a\nnonsense\n", "apus-unit-memory 1\nunit a%zz\n",
        "apus-unit-memory 1\nunit a\nreservations 1\n", "apus-unit-memory 1\nunit a\nreservations 99999\n",
        "apus-unit-memory 1\nunit a\nreservations -1\n",
        "apus-unit-memory 1\nunit a\nreservations 0\nreservations 0\n",
        "apus-unit-memory 1\nunit a\nreservations 0\nreservation 1 0\n",
        "apus-unit-memory 1\nunit a\nregistration 0000000000000001 * 0 x,i,0x1\n",
        "apus-unit-memory 1\nunit a\nreservations 1\nregistration 0000000000000000 * 0 x,i,0x1\n",
        "apus-unit-memory 1\nunit a\nreservations 1\nregistration +000000000000001 * 0 x,i,0x1\n",
        "apus-unit-memory 1\nunit a\nreservations 1\nregistration 0000000000000001 t 65536 x,i,0x1\n",
        "apus-unit-memory 1\nunit a\nreservations 1\nregistration 0000000000000001 * 0 x,i,0x1\nreservation 2 0\n",
        "apus-unit-memory 1\nunit a\nreservations 1\nregistration 0000000000000001 * 0 x,i,0x1\nreservation 1 1\n",
        "apus-unit-memory 1\nunit a\nmode-page 0a00 0a0\n", "apus-unit-memory 1\nunit a\nmode-page 0a00 \n",
        "apus-unit-memory 1\nunit a\nmode-page 0a00 0a00\nmode-page 0a00 0a00\n",
    ])
    func `nonsense is refused`(_ text: String) {
        #expect(throws: UnitMemoryFlaw.self) {
            try UnitMemory.read(UnitMemory.withChecksum(text), ofUnit: "a")
        }
    }
}

extension UnitMemory {
    fileprivate static func withChecksum(_ text: String) -> ByteBuffer {
        var buffer = ByteBuffer(string: text)
        let sum = String(CRC32C.checksum(buffer.readableBytesSpan), radix: 16)
        buffer.writeString("checksum \(String(repeating: "0", count: 8 - sum.count))\(sum)\n")
        return buffer
    }
}
