// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

// What the pure rooms take for the paths that every I/O goes: nanoseconds and allocations of each, without sockets and
// stores. A path in steady state must not allocate; one that does ends the program with status 1.
//
//     bench-rooms

import CAllocations
import Glibc
import ISCSI
import NIOCore

func allocationCount() -> UInt64 {
    callocations_count()
}

let clock = ContinuousClock()
var failures = 0

func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

/// Tells what one operation took; `allocations` is what `operations` of them made.
@MainActor func tell(
    _ name: String, _ operations: Int, _ duration: Duration, _ allocations: UInt64, steady: Bool = true
) {
    let parts = duration.components
    let nanoseconds = (parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000) / Int64(max(1, operations))
    let hundredths = allocations * 100 / UInt64(max(1, operations))
    let each = "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
    let isGood = !steady || allocations == 0
    if !isGood { failures += 1 }
    print(
        "\(isGood ? "ok     " : "FAILED ") \(padded(name, 44)) \(padded("\(nanoseconds) ns", 12)) \(each) allocations")
}

/// The counter counts, or else zeroes would say nothing.
@MainActor func checkCounter() {
    let before = allocationCount()
    let array = [Int](repeating: allocationCount() == 0 ? 1 : 2, count: 1_000)
    let counted = allocationCount() - before
    let isGood = counted > 0 && array.count == 1_000
    if !isGood { failures += 1 }
    print("\(isGood ? "ok     " : "FAILED ") an array of a thousand is an allocation")
}

@MainActor func measureFramer() throws {
    var stream = ByteBuffer()
    for _ in 0..<32 {
        var header = BasicHeaderSegment(.scsiCommand, flags: 0xc1)
        header.initiatorTaskTag = 5
        header.write(to: &stream)
    }
    var framer = PDUFramer()
    var count = 0
    var before: UInt64 = 0
    var start = clock.now
    for round in 0..<10_000 {
        if round == 100 { (before, start, count) = (allocationCount(), clock.now, 0) }
        framer.append(stream)
        while let pdu = try framer.next() { count += pdu.header.opcode == .scsiCommand ? 1 : 0 }
    }
    tell("PDU out of a stream", count, clock.now - start, allocationCount() - before)
}

@MainActor func measureEncoding() {
    var output = ByteBuffer()
    var before: UInt64 = 0
    var start = clock.now
    for round in 0..<300_000 {
        if round == 1_000 { (before, start) = (allocationCount(), clock.now) }
        var header = BasicHeaderSegment(.dataIn, flags: 0x81)
        header.initiatorTaskTag = UInt32(round)
        header[field: 24] = UInt32(round)
        header.write(to: &output)
        if round % 32 == 0 { output.clear() }
    }
    tell("PDU header into a buffer", 299_000, clock.now - start, allocationCount() - before)
}

@MainActor func measureLogin() throws {
    let before = allocationCount()
    let start = clock.now
    for _ in 0..<1_000 { _ = try Login.negotiate() }
    tell("login, both sides", 1_000, clock.now - start, allocationCount() - before, steady: false)
}

/// Passes of `depth` commands; both sides' time together, and the allocations of each.
@MainActor func measureCommands(
    _ name: String, depth: Int, digests: Bool = false, isSolicited: Bool = false, _ command: (Int) -> InitiatorCommand
) throws {
    var loopback = try Loopback(depth: depth, digests: digests, isSolicited: isSolicited)
    var good = 0
    for _ in 0..<50 { good += try loopback.pass(depth, command) }
    let (target, initiator) = (loopback.targetAllocations, loopback.initiatorAllocations)
    let start = clock.now
    let passes = 2_000
    for _ in 0..<passes { good += try loopback.pass(depth, command) }
    let duration = clock.now - start
    guard good == (passes + 50) * depth else {
        failures += 1
        return print("FAILED  \(name): \(good) of \((passes + 50) * depth) commands ended with GOOD")
    }
    tell(name + ", target", passes * depth, duration, loopback.targetAllocations - target)
    tell(name + ", initiator", passes * depth, duration, loopback.initiatorAllocations - initiator)
}

let payload = ByteBuffer(repeating: 9, count: 4_096)

func read(_ index: Int) -> InitiatorCommand {
    // READ (10) of eight blocks.
    InitiatorCommand(lun: 0, cdb: (0x28 << 56 | UInt64(index * 8) << 16, 8 << 56), transfer: .read(4_096))
}

func write(_ index: Int) -> InitiatorCommand {
    InitiatorCommand(lun: 0, cdb: (0x2a << 56 | UInt64(index * 8) << 16, 8 << 56), transfer: .write(payload))
}

checkCounter()
try measureFramer()
measureEncoding()
try measureLogin()
try measureCommands("READ in, Data-In out", depth: 32, read)
try measureCommands("READ in, Data-In out, digests", depth: 32, digests: true, read)
try measureCommands("WRITE with immediate data in", depth: 32, write)
try measureCommands("WRITE, R2T, Data-Out in", depth: 32, isSolicited: true, write)
exit(failures == 0 ? 0 : 1)
