// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

/// GET LBA STATUS (SBC-3): what is kept for blocks, from an LBA on.
///
///     0  PARAMETER DATA LENGTH (4)    4  reserved (4)
///     8  LBA (8)    16  NUMBER OF LOGICAL BLOCKS (4)    20  PROVISIONING STATUS: 0 mapped, 1 deallocated, 2 anchored    21 …
///
/// As many descriptors are answered as fit, within limits; the initiator asks on behind them.
package struct LBAStatus: Sendable {
    struct Extent: Sendable {
        var lba: UInt64
        var count: UInt32
        var state: ProvisioningState
    }

    var allocationLength: Int
    var extents: [Extent] = []
    /// What is looked at next.
    var lba: UInt64
    var requests = 0

    /// Extents that are alike are one, as far as its count holds it.
    mutating func add(_ count: UInt32, _ state: ProvisioningState) {
        if let last = self.extents.last, last.state == state, count <= .max - last.count {
            self.extents[self.extents.count - 1].count += count
        } else {
            self.extents.append(Extent(lba: self.lba, count: count, state: state))
        }
        self.lba += UInt64(count)
        self.requests += 1
    }

    static let headerLength = 8
    static let descriptorLength = 16

    /// How many descriptors the initiator takes.
    private var most: Int {
        min(max(1, (self.allocationLength - Self.headerLength) / Self.descriptorLength), Limits.statusDescriptors)
    }

    /// Whether to ask the store on. The last of several extents may still grow; who takes one alone wants a quick answer.
    var hasRoom: Bool {
        self.most == 1
            ? self.extents.isEmpty : self.extents.count <= self.most && self.requests < Limits.statusRequests
    }
}

extension LogicalUnit {
    func getLBAStatus(_ cdb: CDB) -> TaskStep {
        let lba = cdb.uint64(2)
        let blockCount = self.info.geometry.blockCount
        guard lba < blockCount else { return self.check(.lbaOutOfRange(lba)) }
        var status = LBAStatus(allocationLength: Int(clamping: cdb.uint32(10)), lba: lba)
        // A thick unit's blocks are all mapped.
        guard self.info.capabilities.contains(.unmap) else {
            status.add(UInt32(clamping: blockCount - lba), .mapped)
            return .finish(.good(status.encode()))
        }
        return self.lbaStatus(status)
    }

    func lbaStatus(_ status: LBAStatus) -> TaskStep {
        let blockCount = self.info.geometry.blockCount
        guard status.lba < blockCount, status.hasRoom else { return .finish(.good(status.encode())) }
        let range = BlockRange(lba: status.lba, count: UInt32(clamping: blockCount - status.lba))
        return .perform(.extent(range), .lbaStatus(status))
    }

    /// The store has told the next extent.
    func lbaStatus(_ status: LBAStatus, _ count: UInt32, _ state: ProvisioningState) -> TaskStep {
        var status = status
        status.add(count, state)
        return self.lbaStatus(status)
    }
}

extension LBAStatus {
    fileprivate func encode() -> ByteBuffer {
        let told = self.extents.prefix(self.most)
        var data = ByteBuffer()
        data.reserveCapacity(Self.headerLength + Self.descriptorLength * told.count)
        data.writeInteger(UInt32(4 + Self.descriptorLength * told.count))
        data.writeInteger(UInt32(0))
        for extent in told {
            data.writeInteger(extent.lba)
            data.writeInteger(extent.count)
            data.writeInteger(extent.state.status)
            data.writeRepeatingByte(0, count: 3)
        }
        return data.cut(to: self.allocationLength)
    }
}

extension ProvisioningState {
    /// PROVISIONING STATUS.
    fileprivate var status: UInt8 {
        switch self {
        case .mapped: 0
        case .deallocated: 1
        case .anchored: 2
        }
    }
}
