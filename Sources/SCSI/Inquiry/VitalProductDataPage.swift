// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

/// The vital product data pages (SPC-4, SBC-3), in the order in which page 00 must list them.
enum VitalProductDataPage: UInt8, CaseIterable {
    case supportedPages = 0x00
    case unitSerialNumber = 0x80
    case deviceIdentification = 0x83
    case extendedInquiry = 0x86
    case thirdPartyCopy = 0x8F
    case blockLimits = 0xB0
    case blockDeviceCharacteristics = 0xB1
    case logicalBlockProvisioning = 0xB2
}

extension LogicalUnit {
    func hasPage(_ page: VitalProductDataPage) -> Bool {
        page != .thirdPartyCopy || self.offers(.thirdPartyCopy)
    }

    func unitSerialNumberPage() -> ByteBuffer {
        var body = ByteBuffer()
        body.writePaddedASCII(self.identity.serial, count: min(self.identity.serial.utf8.count, 252))
        return body
    }

    /// Page 86: what kinds of tasks and caches there are (SPC-4).
    func extendedInquiryPage() -> ByteBuffer {
        var body = ByteBuffer()
        body.writeInteger(UInt8(0))  // no microcode, no protection types
        body.writeInteger(UInt8(0x07))  // HEADSUP, ORDSUP, SIMPSUP
        body.writeInteger(UInt8(self.info.capabilities.contains(.writeCache) ? 0x01 : 0x00))  // V_SUP
        body.writeRepeatingByte(0, count: 60 - body.readableBytes)
        return body
    }

    /// Page B0: how much one command may ask for (SBC-3).
    func blockLimitsPage() -> ByteBuffer {
        let geometry = self.info.geometry
        let canUnmap = self.info.capabilities.contains(.unmap)
        let blocksPerPhysical = UInt32(1) << UInt32(geometry.physicalBlockExponent & 0x0F)
        let optimalBlocks =
            self.settings.optimalTransferBlocks ?? UInt32(clamping: Limits.optimalTransferBytes / geometry.blockSize)
        let granularity = self.settings.unmapGranularityBlocks ?? blocksPerPhysical
        let alignment = UInt32(0x8000_0000) | (self.settings.unmapAlignmentBlocks ?? 0)  // UGAVALID
        var body = ByteBuffer()
        body.reserveCapacity(60)
        body.writeInteger(UInt8(0))  // WSNZ=0: WRITE SAME of no blocks means to the end
        body.writeInteger(self.offers(.compareAndWrite) ? Limits.maximumCompareAndWriteBlocks : 0)
        body.writeInteger(UInt16(clamping: blocksPerPhysical))  // optimal transfer length granularity
        body.writeInteger(self.maximumTransferBlocks)
        body.writeInteger(min(optimalBlocks, self.maximumTransferBlocks))
        body.writeInteger(UInt32(0))  // no limit to PRE-FETCH
        body.writeInteger(canUnmap ? self.info.maxUnmapBlocks : 0)
        body.writeInteger(canUnmap ? self.maximumUnmapDescriptors : 0)
        body.writeInteger(canUnmap ? granularity : 0)  // optimal unmap granularity
        body.writeInteger(canUnmap ? alignment : 0)
        body.writeInteger(self.maximumWriteSameBlocks)
        body.writeInteger(self.maximumAtomicBlocks)  // without alignment, granularity or boundaries
        body.writeRepeatingByte(0, count: 60 - body.readableBytes)
        return body
    }

    /// The longest WRITE SAME, in blocks.
    var maximumWriteSameBlocks: UInt64 {
        let own = Limits.maximumWriteSameBytes / UInt64(self.info.geometry.blockSize)
        return self.settings.maximumWriteSameBlocks.map { min(UInt64($0), own) } ?? own
    }

    /// The most block descriptors of an UNMAP.
    var maximumUnmapDescriptors: UInt32 {
        min(self.settings.maximumUnmapDescriptors ?? .max, Limits.maximumUnmapDescriptors)
    }

    /// Page B1: rotation rate 1 says that nothing turns, 0 that no rate is told.
    func blockDeviceCharacteristicsPage() -> ByteBuffer {
        var body = ByteBuffer()
        body.writeInteger(UInt16(self.info.capabilities.contains(.rotational) ? 0 : 1))
        body.writeInteger(UInt8(0))
        // WABEREQ=01b: blocks can be read after a block erase.
        body.writeInteger(UInt8(self.info.capabilities.contains(.unmap) ? 0x40 : 0x00))
        body.writeRepeatingByte(0, count: 60 - body.readableBytes)
        return body
    }

    /// Page B2: which commands unmap, and what unmapped blocks read as (SBC-3).
    func logicalBlockProvisioningPage() -> ByteBuffer {
        let canUnmap = self.info.capabilities.contains(.unmap)
        var flags: UInt8 = 0
        if canUnmap { flags |= 0xE0 }  // LBPU, LBPWS, LBPWS10
        if self.info.capabilities.contains([.unmap, .unmapZeroes]) { flags |= 0x04 }  // LBPRZ
        if self.info.capabilities.contains(.anchors) { flags |= 0x02 }  // ANC_SUP
        var body = ByteBuffer()
        body.writeInteger(self.thresholdExponent)
        body.writeInteger(flags)
        body.writeInteger(UInt8(canUnmap ? 0x02 : 0x00))  // thin or fully provisioned
        body.writeInteger(UInt8(0))
        return body
    }
}
