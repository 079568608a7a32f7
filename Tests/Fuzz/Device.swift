// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI

/// A logical unit with a medium of 64 blocks in an array, which holds the unit to its contracts: a store is only asked
/// for blocks that exist, with data of their length, and every command comes to an end.
struct Device {
    static let serial = "6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5"
    private static let geometry = BlockGeometry(blockSize: 512, blockCount: 64)
    /// More steps than any command of the largest transfer needs.
    private static let stepLimit = 1_000

    private var unit: LogicalUnit
    private var bytes = [UInt8](repeating: 0, count: Self.geometry.blockSize * Int(Self.geometry.blockCount))
    private let nexuses: [Nexus]

    init(flags: UInt8) {
        var capabilities: BlockCapabilities = [.writeCache]
        if flags & 1 == 0 { capabilities.formUnion([.unmap, .unmapZeroes]) }
        if flags & 2 != 0 { capabilities.formUnion(.readOnly) }
        if flags & 8 != 0 { capabilities.formUnion([.encrypts, .anchors, .tellsUsage]) }
        self.unit = LogicalUnit(
            identity: LogicalUnitIdentity(product: "disk", serial: Self.serial),
            info: BlockInfo(
                geometry: Self.geometry, capabilities: capabilities, maxUnmapBlocks: 32, maxAtomicBlocks: 8),
            settings: LogicalUnitSettings(removable: flags & 4 != 0), memory: UnitMemory())
        self.nexuses = (1...2).map { id in
            Nexus(
                id: id, initiatorPort: "iqn.2026-11.org.example:host\(id),i,0x00023d000001",
                targetName: "iqn.2026-11.org.example:disk", relativeTargetPort: 1)
        }
        for nexus in self.nexuses { self.unit.nexusBegan(nexus) }
    }

    mutating func execute(_ cdb: [UInt8], dataOut: [UInt8], from who: UInt8) {
        let nexus = self.nexuses[Int(who & 1)]
        var step = self.unit.begin(
            ByteBuffer(bytes: cdb).readableBytesSpan, expectedDataOut: dataOut.count, nexus: nexus)
        for _ in 0..<Self.stepLimit {
            switch step {
            case .finish(let result):
                if result.status == .checkCondition, result.sense == nil { broken("CHECK CONDITION without sense") }
                return
            case .read(let range), .write(let range, _):
                guard Self.geometry.contains(range) else { broken("\(range) is not on the medium") }
                return
            case .collect(let count, let continuation):
                step = self.unit.resume(
                    continuation, with: .collected(ByteBuffer(bytes: dataOut.prefix(count))), nexus: nexus)
            case .perform(let request, let continuation):
                step = self.unit.resume(continuation, with: .performed(self.perform(request)), nexus: nexus)
            case .copy(let machine, let continuation):
                step = self.unit.resume(continuation, with: .copied(self.copy(machine, nexus)), nexus: nexus)
            case .sanitize:
                for _ in 0..<Self.stepLimit {
                    guard let next = self.unit.nextSanitizeStep() else { break }
                    self.unit.sanitizePerformed(self.perform(next.request))
                }
                if let change = self.unit.endSanitizing() {
                    self.unit.settle(change, isKept: who & 2 == 0)
                    self.unit.sanitizeEnded(isKept: who & 2 == 0)
                }
                return
            case .selfTest:
                for _ in 0..<Self.stepLimit {
                    guard let next = self.unit.nextSelfTestStep() else { break }
                    self.unit.selfTestPerformed(self.perform(next.request))
                }
                return
            case .wait(let ticket, _):
                return self.unit.left(ticket)
            case .passThrough:
                broken("\(cdb) is passed through by a unit without a device")
            case .remember(let change, let continuation):
                self.unit.settle(change, isKept: who & 2 == 0)
                step = self.unit.resume(continuation, with: .remembered(who & 2 == 0), nexus: nexus)
            }
        }
        broken("no end of \(cdb)")
    }
}

// MARK: - Copies

extension Device {
    /// Copies as the transport does. Whatever a descriptor names is this unit: nobody guesses names.
    private mutating func copy(_ machine: CopyMachine, _ nexus: Nexus) -> CopyOutcome {
        var machine = machine
        machine.start(machine.devices.map { _ in Self.geometry })
        for _ in 0..<Self.stepLimit {
            switch machine.next() {
            case .finished(let outcome): return outcome
            case .transfer(let transfer, _):
                if let request = self.unit.admit(transfer, nexus: nexus) {
                    machine.performed(self.perform(request))
                } else {
                    machine.refused()
                }
            }
        }
        broken("no end of a copy")
    }
}

// MARK: - The medium

extension Device {
    private mutating func perform(_ request: BlockRequest) -> Result<BlockReply, BlockError> {
        switch request {
        case .read(let range):
            return .success(.data(ByteBuffer(bytes: self.bytes[self.slice(range)])))
        case .write(let range, let data, _), .writeAtomic(let range, let data, _):
            self.store(data, in: range)
        case .unmap(let ranges):
            for range in ranges {
                self.bytes[self.slice(range)] = [UInt8](repeating: 0, count: self.slice(range).count)[...]
            }
        case .writeZeroes(let range, _, _):
            self.bytes[self.slice(range)] = [UInt8](repeating: 0, count: self.slice(range).count)[...]
        case .writeSame(let range, let pattern, _):
            guard pattern.readableBytes == Self.geometry.blockSize else { broken("a pattern that is not one block") }
            for offset in 0..<UInt64(range.count) {
                self.store(pattern, in: BlockRange(lba: range.lba + offset, count: 1))
            }
        case .compare(let range, let data):
            return .success(self.difference(range, data).map { .miscompare(byteOffset: $0) } ?? .done)
        case .compareAndWrite(let range, let expected, let replacement, _):
            if let offset = self.difference(range, expected) { return .success(.miscompare(byteOffset: offset)) }
            self.store(replacement, in: range)
        case .extent(let range):
            _ = self.slice(range)
            return .success(.extent(count: 1, .mapped))
        case .usage:
            return .success(.usage(takenBytes: 1 << 20, freeBytes: 1 << 20))
        case .flush, .replaceKey:
            break
        }
        return .success(.done)
    }

    private func slice(_ range: BlockRange) -> Range<Int> {
        guard Self.geometry.contains(range) else { broken("\(range) is not on the medium") }
        let start = Int(Self.geometry.byteOffset(range.lba))
        return start..<start + Self.geometry.byteCount(range)
    }

    private mutating func store(_ data: ByteBuffer, in range: BlockRange) {
        guard data.readableBytes == Self.geometry.byteCount(range) else {
            broken("\(data.readableBytes) bytes for \(range)")
        }
        self.bytes.replaceSubrange(self.slice(range), with: data.readableBytesView)
    }

    private func difference(_ range: BlockRange, _ data: ByteBuffer) -> Int? {
        let held = self.bytes[self.slice(range)]
        guard data.readableBytes == held.count else { broken("\(data.readableBytes) bytes to compare with \(range)") }
        return zip(held, data.readableBytesView).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    }
}
