// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import NIOCore

/// An EXTENDED COPY under way: what is to be read from which unit, and written to which, piece by piece.
///
///     start(geometries) ─► next ─┬─ .transfer ─► its unit admits it ─► store ─► performed ─► next …
///                                │                    └─ refuses ─► refused ─► next
///                                └─ .finished
///
/// One piece is in memory at a time, so a copy costs as much as one long WRITE. Who transfers asks the unit before each
/// piece: a reservation, an eject or a write-protect that comes in between stops the copy there.
package struct CopyMachine: Sendable {
    /// Who takes part, to be looked up among the units that the nexus may reach.
    package let devices: [CopyDevice]
    private let segments: [CopySegment]
    private var geometries: [BlockGeometry?] = []
    private var segment = 0
    private var piece = Piece.none
    private var done: UInt64 = 0
    private var outcome = CopyOutcome()

    package enum Step: Sendable {
        /// `device` is an index into `devices`.
        case transfer(CopyTransfer, device: Int)
        case finished(CopyOutcome)
    }

    private enum Piece: Sendable {
        case none
        case reading(BlockRange)
        case writing(ByteBuffer)
    }

    init(_ list: CopyParameterList) {
        self.devices = list.devices
        self.segments = list.segments
    }

    /// The geometry of each device's unit, nil where there is none that the nexus may reach.
    package mutating func start(_ geometries: [BlockGeometry?]) {
        self.geometries = geometries
    }

    package mutating func next() -> Step {
        while self.outcome.failure == nil, self.segment < self.segments.count {
            let segment = self.segments[self.segment]
            let extent: Extent
            do throws(CopyListError) {
                extent = try self.extent(of: segment)
            } catch {
                self.outcome.failure = error.sense
                break
            }
            if case .writing(let data) = self.piece {
                let range = extent.destinationRange(from: self.done, UInt64(data.readableBytes))
                return .transfer(.write(range, data), device: segment.destination)
            }
            guard self.done < extent.bytes else {
                self.segment += 1
                self.done = 0
                self.outcome.segments += 1
                continue
            }
            let range = extent.sourceRange(
                from: self.done, min(extent.bytes - self.done, UInt64(Limits.copyPieceBytes)))
            self.piece = .reading(range)
            return .transfer(.read(range), device: segment.source)
        }
        return .finished(self.outcome)
    }

    /// The store's answer to the last transfer.
    package mutating func performed(_ result: Result<BlockReply, BlockError>) {
        switch (self.piece, result) {
        case (.reading, .success(.data(let data))):
            self.piece = .writing(data)
        case (.writing(let data), .success):
            self.done += UInt64(data.readableBytes)
            self.outcome.bytes += UInt64(data.readableBytes)
            self.piece = .none
        case (_, .failure):
            self.fail(.thirdPartyDeviceFailure)
        case (.none, _), (.reading, .success):
            preconditionFailure("a store answers a read with data, and only when asked")
        }
    }

    /// The unit did not admit the last transfer.
    package mutating func refused() {
        self.fail(.thirdPartyDeviceFailure)
    }

    /// What has been copied so far.
    package var progress: CopyOutcome { self.outcome }

    private mutating func fail(_ code: AdditionalSense) {
        self.outcome.failure = Self.aborted(code, self.segments[self.segment].offset)
    }

    private static func aborted(_ code: AdditionalSense, _ byte: Int) -> Sense {
        Sense(.copyAborted, code, specific: .field(inCDB: false, byte: UInt16(clamping: byte), bit: nil))
    }
}

/// A piece of a copy that one unit does.
package enum CopyTransfer: Sendable {
    case read(BlockRange)
    case write(BlockRange, ByteBuffer)

    var range: BlockRange {
        switch self {
        case .read(let range), .write(let range, _): range
        }
    }
}

/// What became of a copy.
package struct CopyOutcome: Sendable {
    var segments = 0
    var bytes: UInt64 = 0
    var failure: Sense?
}

extension CopyMachine {
    /// A segment in bytes, and where it begins on either unit.
    private struct Extent {
        var bytes: UInt64
        var sourceLBA: UInt64
        var destinationLBA: UInt64
        var sourceBlockSize: UInt64
        var destinationBlockSize: UInt64

        func sourceRange(from offset: UInt64, _ count: UInt64) -> BlockRange {
            BlockRange(
                lba: self.sourceLBA + offset / self.sourceBlockSize, count: UInt32(count / self.sourceBlockSize))
        }

        func destinationRange(from offset: UInt64, _ count: UInt64) -> BlockRange {
            BlockRange(
                lba: self.destinationLBA + offset / self.destinationBlockSize,
                count: UInt32(count / self.destinationBlockSize))
        }
    }

    private func geometry(_ index: Int, field: Int) throws(CopyListError) -> BlockGeometry {
        guard index < self.devices.count, let geometry = self.geometries[index] else {
            throw CopyListError(sense: Self.aborted(.copyTargetDeviceNotReachable, field))
        }
        let device = self.devices[index]
        guard device.isBlockDevice else {
            throw CopyListError(sense: Self.aborted(.incorrectCopyTargetDeviceType, device.offset + 1))
        }
        guard device.blockLength == 0 || device.blockLength == geometry.blockSize else {
            throw CopyListError(sense: .invalidFieldInParameterList(device.offset + 29))
        }
        return geometry
    }

    private func extent(of segment: CopySegment) throws(CopyListError) -> Extent {
        let source = try self.geometry(segment.source, field: segment.offset + 4)
        let destination = try self.geometry(segment.destination, field: segment.offset + 6)
        var extent = Extent(
            bytes: 0, sourceLBA: segment.sourceLBA, destinationLBA: segment.destinationLBA,
            sourceBlockSize: UInt64(source.blockSize), destinationBlockSize: UInt64(destination.blockSize))
        switch segment.amount {
        case .sourceBlocks(let count): extent.bytes = count * extent.sourceBlockSize
        case .destinationBlocks(let count): extent.bytes = count * extent.destinationBlockSize
        case .bytes(let count, let sourceOffset, let destinationOffset):
            guard sourceOffset == 0, destinationOffset == 0 else {
                throw CopyListError(sense: Self.aborted(.copySegmentGranularityViolation, segment.offset + 28))
            }
            guard count <= UInt64(Limits.copySegmentBytes) else {
                throw CopyListError(sense: .invalidFieldInParameterList(segment.offset + 8))
            }
            extent.bytes = count
        }
        // Neither unit can move a part of a block.
        guard extent.bytes % extent.sourceBlockSize == 0, extent.bytes % extent.destinationBlockSize == 0 else {
            throw CopyListError(sense: Self.aborted(.unexpectedInexactSegment, segment.offset + 8))
        }
        guard Self.contains(source, segment.sourceLBA, extent.bytes) else {
            throw CopyListError(sense: Self.aborted(.none, segment.offset + 12))
        }
        guard Self.contains(destination, segment.destinationLBA, extent.bytes) else {
            throw CopyListError(sense: Self.aborted(.none, segment.offset + 20))
        }
        return extent
    }

    private static func contains(_ geometry: BlockGeometry, _ lba: UInt64, _ bytes: UInt64) -> Bool {
        lba < geometry.blockCount && bytes / UInt64(geometry.blockSize) <= geometry.blockCount - lba
    }
}
