// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore
import NIOPosix

/// Writes a disk image to a logical unit.
///
///     extents of the file ─► write what is used, zero what is not ─► SYNCHRONIZE CACHE ─► read back and compare
///
/// A step may be done twice, so a lost connection costs no more than its commands. After an interruption a run that
/// compares first finds what is there already.
package struct DeployRun: Sendable {
    package struct Settings: Sendable {
        /// Holes are left as they are: the unit is known to read as zeroes.
        package var skipsHoles = false
        /// Read first, and write what differs.
        package var comparesFirst = false
        package var verifies = true

        package init() {}
    }

    package struct Report: Sendable, Equatable {
        package var imageBytes = 0
        package var writtenBytes = 0
        package var zeroedBytes = 0
        /// Found to be right already.
        package var unchangedBytes = 0
        package var verifiedBytes = 0
        package var reconnections = 0
    }

    package enum Stage: String, Sendable {
        case writing
        case verifying
    }

    package struct Progress: Sendable {
        package var stage: Stage
        package var doneBytes: Int
        package var totalBytes: Int
    }

    private let path: String
    private let url: TargetURL
    private let options: InitiatorOptions
    private let settings: Settings

    package init(_ path: String, to url: TargetURL, _ settings: Settings, options: InitiatorOptions) {
        self.path = path
        self.url = url
        self.settings = settings
        self.options = options
    }

    package func run(progress: @escaping @Sendable (Progress) -> Void) async throws -> Report {
        let file = try SparseFile(self.path)
        try Self.checkFormat(file)
        let target = DeployTarget(self.url, options: self.options, group: MultiThreadedEventLoopGroup.singleton)
        do {
            let unit = try await self.unit(target, file)
            let steps = DeployStep.steps(
                try file.extents(), blockSize: unit.blockSize, dataBytes: unit.dataBytes, zeroBytes: unit.zeroBytes)
            var report = Report(imageBytes: file.byteCount)
            try await self.forEach(steps, .writing, progress) { step in
                try await self.write(step, file, unit, target)
            } each: {
                report.add($0)
            }
            _ = try await target.execute(.synchronizeCache(lun: unit.lun), "SYNCHRONIZE CACHE")
            if self.settings.verifies {
                try await self.forEach(steps.filter(\.isData), .verifying, progress) { step in
                    try await self.verify(step, file, unit, target)
                } each: {
                    report.verifiedBytes += $0
                }
            }
            report.reconnections = await target.reconnections
            await target.close()
            return report
        } catch {
            await target.close()
            throw error
        }
    }

    // MARK: - Before

    /// An image that has a format of its own would be written as it is, and boot nothing.
    private static func checkFormat(_ file: SparseFile) throws(InitiatorError) {
        let start = try file.read(min(8, file.byteCount), at: 0)
        let formats = [("QFI\u{fb}", "qcow2"), ("KDMV", "VMDK"), ("vhdxfile", "VHDX"), ("conectix", "VHD")]
        for (magic, name) in formats
        where start.readableBytesView.starts(with: magic.unicodeScalars.map { UInt8($0.value) }) {
            throw InitiatorError(
                .source, "\(file.path) is a \(name) image; make it raw first: qemu-img convert -O raw \(file.path) FILE"
            )
        }
        guard file.byteCount > 0 else { throw InitiatorError(.source, "\(file.path) is empty") }
    }

    private func unit(_ target: DeployTarget, _ file: SparseFile) async throws -> DeployUnit {
        let session = try await target.current
        let capacity = try await session.capacity()
        guard UInt64(file.byteCount) <= capacity.bytes else {
            throw InitiatorError(
                .source, "\(file.path) has \(file.byteCount) bytes, \(self.url.shown) only \(capacity.bytes)")
        }
        let limits = try await session.transferLimits()
        let lun = InitiatorCommand.encode(lun: self.url.lun)
        func bytes(_ limit: UInt64, _ most: Int) -> Int {
            let blocks = UInt64(most / capacity.blockSize)
            return Int(limit == 0 ? blocks : min(limit, blocks)) * capacity.blockSize
        }
        return DeployUnit(
            lun: lun, blockSize: capacity.blockSize,
            dataBytes: bytes(limits.transferBlocks, InitiatorLimits.deployedBytes),
            zeroBytes: bytes(limits.writeSameBlocks, InitiatorLimits.zeroedBytes),
            zeroing: limits.hasWriteSame ? (limits.unmapsToZero ? .unmap : .writeSame) : .write)
    }

    // MARK: - Steps

    private func write(
        _ step: DeployStep, _ file: SparseFile, _ unit: DeployUnit, _ target: DeployTarget
    ) async throws -> Report {
        var report = Report()
        let data = step.isData ? try file.read(step.range.count, at: step.range.lowerBound) : nil
        if self.settings.comparesFirst, step.isData || !self.settings.skipsHoles {
            // A hole is compared in pieces of a read's size.
            if try await self.isAlready(step, data, unit, target) {
                report.unchangedBytes = step.range.count
                return report
            }
        }
        if let data, !data.isAllZero {
            _ = try await target.execute(
                .write(lun: unit.lun, lba: unit.lba(step), blocks: unit.blocks(step), data: data), "WRITE")
            report.writtenBytes = step.range.count
        } else if !self.settings.skipsHoles {
            try await self.zero(step, unit, target)
            report.zeroedBytes = step.range.count
        }
        return report
    }

    private func zero(_ step: DeployStep, _ unit: DeployUnit, _ target: DeployTarget) async throws {
        guard unit.zeroing == .write else {
            _ = try await target.execute(
                .writeSame(
                    lun: unit.lun, lba: unit.lba(step), blocks: unit.blocks(step), unmaps: unit.zeroing == .unmap,
                    pattern: ByteBuffer(repeating: 0, count: unit.blockSize)), "WRITE SAME (16)")
            return
        }
        for piece in step.pieces(unit.dataBytes) {
            _ = try await target.execute(
                .write(
                    lun: unit.lun, lba: unit.lba(piece), blocks: unit.blocks(piece),
                    data: ByteBuffer(repeating: 0, count: piece.range.count)), "WRITE")
        }
    }

    private func isAlready(
        _ step: DeployStep, _ data: ByteBuffer?, _ unit: DeployUnit, _ target: DeployTarget
    ) async throws -> Bool {
        for piece in step.pieces(unit.dataBytes) {
            let found = try await self.read(piece, unit, target)
            if let data {
                guard found == data else { return false }
            } else {
                guard found.isAllZero else { return false }
            }
        }
        return true
    }

    private func verify(
        _ step: DeployStep, _ file: SparseFile, _ unit: DeployUnit, _ target: DeployTarget
    ) async throws -> Int {
        let wanted = try file.read(step.range.count, at: step.range.lowerBound)
        // What is zero in the image may be anything where holes were left alone.
        if self.settings.skipsHoles, wanted.isAllZero { return 0 }
        let found = try await self.read(step, unit, target)
        guard found == wanted else {
            let place = zip(found.readableBytesView, wanted.readableBytesView).prefix { $0 == $1 }.count
            throw InitiatorError(
                .miscompare,
                "\(self.url.shown): byte \(step.range.lowerBound + place) is not as in \(file.path) after writing it")
        }
        return step.range.count
    }

    private func read(_ step: DeployStep, _ unit: DeployUnit, _ target: DeployTarget) async throws -> ByteBuffer {
        try await target.execute(
            .read(
                lun: unit.lun, lba: unit.lba(step), blocks: unit.blocks(step), byteCount: step.range.count), "READ")
    }

    /// Does `body` with every step, several at a time.
    private func forEach<Result: Sendable>(
        _ steps: [DeployStep], _ stage: Stage, _ progress: @escaping @Sendable (Progress) -> Void,
        _ body: @escaping @Sendable (DeployStep) async throws -> Result, each: (Result) -> Void
    ) async throws {
        let total = steps.reduce(0) { $0 + $1.range.count }
        var done = 0
        try await withThrowingTaskGroup(of: (Int, Result).self) { tasks in
            for (index, step) in steps.enumerated() {
                if index >= InitiatorLimits.deployedAtOnce, let (bytes, result) = try await tasks.next() {
                    done += bytes
                    each(result)
                    progress(Progress(stage: stage, doneBytes: done, totalBytes: total))
                }
                tasks.addTask { (step.range.count, try await body(step)) }
            }
            for try await (bytes, result) in tasks {
                done += bytes
                each(result)
                progress(Progress(stage: stage, doneBytes: done, totalBytes: total))
            }
        }
    }
}

extension DeployRun.Report {
    fileprivate mutating func add(_ other: DeployRun.Report) {
        self.writtenBytes += other.writtenBytes
        self.zeroedBytes += other.zeroedBytes
        self.unchangedBytes += other.unchangedBytes
    }
}

extension ByteBuffer {
    fileprivate var isAllZero: Bool {
        let bytes = self.readableBytesSpan
        var index = 0
        while index + 8 <= bytes.byteCount {
            // Zero is zero in any byte order, and the bounds were checked.
            guard unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self) == 0 else { return false }
            index += 8
        }
        return self.readableBytesView[(self.readerIndex + index)...].allSatisfy { $0 == 0 }
    }
}
