// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI

/// A logical unit with one nexus whose power-on unit attention has been taken, and a medium in an array.
struct UnitUnderTest {
    static let serial = "6f1c2d3e-4a5b-4c6d-8e7f-90a1b2c3d4e5"
    let serial: String
    var unit: LogicalUnit
    var medium: ArrayMedium
    /// What the unit has asked to be kept, and whether that works.
    var kept: UnitMemory?
    var canKeep = true
    /// What stands behind a unit that passes its commands through.
    var device: @Sendable (DeviceCommand) -> DeviceAnswer = { _ in .failure(.unreachable) }
    let nexus = UnitUnderTest.nexus(1)

    init(
        blockSize: Int = 512, blockCount: UInt64 = 0x10000, physicalBlockExponent: UInt8 = 0,
        capabilities: BlockCapabilities = [.writeCache, .unmap, .unmapZeroes],
        settings: LogicalUnitSettings = LogicalUnitSettings(), memory: UnitMemory? = nil,
        maxAtomicBlocks: UInt32 = 0, serial: String = Self.serial, freshNexus: Bool = false
    ) {
        self.serial = serial
        let geometry = BlockGeometry(
            blockSize: blockSize, physicalBlockExponent: physicalBlockExponent, blockCount: blockCount)
        self.medium = ArrayMedium(geometry: geometry)
        self.unit = LogicalUnit(
            identity: LogicalUnitIdentity(product: "disk0", serial: serial),
            info: BlockInfo(
                geometry: geometry, capabilities: capabilities, maxUnmapBlocks: 0x1000,
                maxAtomicBlocks: maxAtomicBlocks),
            settings: settings, memory: memory)
        self.unit.nexusBegan(self.nexus)
        if !freshNexus {
            _ = self.execute([0, 0, 0, 0, 0, 0])
        }
    }

    static func nexus(_ id: UInt64) -> Nexus {
        Nexus(
            id: id, initiatorPort: "iqn.2026-11.org.example:host\(id),i,0x00023d00000\(id)",
            targetName: "iqn.2026-11.org.apus:disk", relativeTargetPort: 1)
    }

    /// The first step of a command.
    mutating func begin(
        _ cdb: [UInt8], expectedDataOut: Int? = nil, expectedDataIn: Int = 0, from nexus: Nexus? = nil,
        attribute: TaskAttribute = .simple, ticket: TaskTicket? = nil
    ) -> TaskStep {
        self.unit.begin(
            ByteBuffer(bytes: Self.padded(cdb)).readableBytesSpan, expectedDataOut: expectedDataOut,
            expectedDataIn: expectedDataIn, attribute: attribute, ticket: ticket, nexus: nexus ?? self.nexus)
    }

    /// A whole command, with the transport's part played by this test: `dataOut` is all that the initiator sends.
    mutating func execute(
        _ cdb: [UInt8], dataOut: [UInt8] = [], expectedDataIn: Int = 0, from nexus: Nexus? = nil
    ) -> CommandResult {
        let nexus = nexus ?? self.nexus
        var step = self.begin(cdb, expectedDataOut: dataOut.count, expectedDataIn: expectedDataIn, from: nexus)
        while true {
            switch step {
            case .finish(let result):
                return result
            case .read(let range):
                switch self.medium.perform(.read(range)) {
                case .success(.data(let data)): return CommandResult(status: .good, dataIn: data)
                case .success: return CommandResult(status: .good)
                case .failure(let error): return self.unit.failed(error)
                }
            case .write(let range, let durable):
                let data = ByteBuffer(bytes: dataOut.prefix(self.medium.geometry.byteCount(range)))
                if case .failure(let error) = self.medium.perform(.write(range, data, durable: durable)) {
                    return self.unit.failed(error)
                }
                return CommandResult(status: .good)
            case .collect(let byteCount, let continuation):
                let data = ByteBuffer(bytes: dataOut.prefix(byteCount))
                step = self.unit.resume(continuation, with: .collected(data), nexus: nexus)
            case .perform(let request, let continuation):
                let result = self.medium.perform(request)
                step = self.unit.resume(continuation, with: .performed(result), nexus: nexus)
            case .sanitize:
                self.sanitize()
                return self.unit.sanitized()
            case .selfTest:
                return CommandResult(status: .good)
            case .copy(let machine, let continuation):
                var units = [self]
                let outcome = CopyBench.copy(machine, among: &units, nexus: nexus)
                self = units[0]
                step = self.unit.resume(continuation, with: .copied(outcome), nexus: nexus)
            case .wait(let ticket, _):
                // Nobody else is there in a test of single commands.
                self.unit.drained(ticket)
                _ = self.unit.takeEnabledTasks()
                step = self.begin(cdb, expectedDataOut: dataOut.count, from: nexus, ticket: ticket)
                self.unit.left(ticket)
            case .passThrough(let command):
                return self.unit.result(of: self.device(command), to: command, nexus: nexus)
            case .remember(let change, let continuation):
                if self.canKeep { self.kept = change.memory }
                self.unit.settle(change, isKept: self.canKeep)
                step = self.unit.resume(continuation, with: .remembered(self.canKeep), nexus: nexus)
            }
        }
    }

    /// Does the unit's sanitize operation to its end; returns how many requests that took.
    @discardableResult
    mutating func sanitize() -> Int {
        var requests = 0
        while let step = self.unit.nextSanitizeStep() {
            requests += 1
            self.unit.sanitizePerformed(self.medium.perform(step.request))
        }
        if let change = self.unit.endSanitizing() {
            if self.canKeep { self.kept = change.memory }
            self.unit.settle(change, isKept: self.canKeep)
            self.unit.sanitizeEnded(isKept: self.canKeep)
        }
        return requests
    }

    /// A command that ends in its first step.
    mutating func run(_ cdb: [UInt8], from nexus: Nexus? = nil) -> CommandResult? {
        guard case .finish(let result) = self.begin(cdb, from: nexus) else { return nil }
        return result
    }

    /// The Data-In of a command that ends with GOOD in its first step.
    mutating func dataIn(_ cdb: [UInt8], from nexus: Nexus? = nil) -> [UInt8]? {
        guard let result = self.run(cdb, from: nexus), result.status == .good else { return nil }
        return result.dataIn.map { Array($0.readableBytesView) }
    }

    static func padded(_ cdb: [UInt8]) -> [UInt8] {
        cdb + [UInt8](repeating: 0, count: max(16 - cdb.count, 0))
    }
}

extension CommandResult {
    /// Sense key, additional sense code and qualifier, as three hexadecimal numbers; empty without sense.
    var senseText: String {
        guard self.status == .checkCondition, let sense = self.sense.map({ Array($0.readableBytesView) }) else {
            return ""
        }
        let (key, code, qualifier) =
            sense[0] & 0x7F >= 0x72 ? (sense[1], sense[2], sense[3]) : (sense[2] & 0x0F, sense[12], sense[13])
        return "\(hex(key))/\(hex(code))/\(hex(qualifier))"
    }
}

extension TaskStep {
    var result: CommandResult? {
        guard case .finish(let result) = self else { return nil }
        return result
    }
}

func hex(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return digits.count == 1 ? "0" + digits : digits
}

/// Bytes written as hexadecimal digits, with blanks and line ends between them as one likes.
func bytes(_ text: String) -> [UInt8] {
    let digits = text.compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
