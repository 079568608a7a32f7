// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// RECEIVE COPY RESULTS (SPC-4), as its service actions are called there.
    static let receiveCopyResults: [CommandDescriptor] = [
        CommandDescriptor(
            "RECEIVE COPY STATUS (LID1)", receiveCopyResultsUsage(0x00), serviceAction: 0x00, .always, .thirdPartyCopy,
            handler: { unit, cdb, nexus in unit.receiveCopyStatus(cdb, nexus.id) }),
        CommandDescriptor(
            "RECEIVE COPY DATA (LID1)", receiveCopyResultsUsage(0x01), serviceAction: 0x01, .always, .thirdPartyCopy,
            handler: { unit, cdb, nexus in unit.receiveCopyData(cdb, nexus.id) }),
        CommandDescriptor(
            "RECEIVE COPY OPERATING PARAMETERS", receiveCopyResultsUsage(0x03), serviceAction: 0x03, .always,
            .thirdPartyCopy,
            handler: { unit, cdb, _ in unit.receiveCopyOperatingParameters(cdb) }),
        CommandDescriptor(
            "RECEIVE COPY FAILURE DETAILS (LID1)", receiveCopyResultsUsage(0x04), serviceAction: 0x04, .always,
            .thirdPartyCopy,
            handler: { unit, cdb, nexus in unit.receiveCopyFailureDetails(cdb, nexus.id) }),
    ]

    private static func receiveCopyResultsUsage(_ serviceAction: UInt8) -> [UInt8] {
        let identifier: UInt8 = serviceAction == 0x03 ? 0x00 : 0xFF
        return [
            0x84, serviceAction, identifier, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00,
            0x04,
        ]
    }
}

extension LogicalUnit {
    private func copyAnswer(_ body: ByteBuffer, _ cdb: CDB) -> TaskStep {
        var data = ByteBuffer()
        data.writeInteger(UInt32(body.readableBytes))  // AVAILABLE DATA
        data.writeImmutableBuffer(body)
        return .finish(.good(data.cut(to: Int(clamping: cdb.uint32(10)))))
    }

    fileprivate func receiveCopyStatus(_ cdb: CDB, _ nexus: UInt64) -> TaskStep {
        guard let record = self.copies.record(cdb[2], nexus: nexus) else { return self.check(.invalidFieldInCDB(2)) }
        let status: UInt8 = !record.isOver ? 0x00 : record.outcome.failure == nil ? 0x01 : 0x02
        var body = ByteBuffer()
        body.writeInteger(status)  // HDD=0: no held data
        body.writeInteger(UInt16(clamping: record.outcome.segments))
        // Bytes, or KiB where those do not fit.
        let fits = record.outcome.bytes <= UInt64(UInt32.max)
        body.writeInteger(UInt8(fits ? 0x00 : 0x01))
        body.writeInteger(UInt32(clamping: fits ? record.outcome.bytes : record.outcome.bytes >> 10))
        return self.copyAnswer(body, cdb)
    }

    /// No segment descriptor that is offered holds data for the initiator.
    fileprivate func receiveCopyData(_ cdb: CDB, _ nexus: UInt64) -> TaskStep {
        guard let record = self.copies.record(cdb[2], nexus: nexus), record.isOver else {
            return self.check(.invalidFieldInCDB(2))
        }
        return self.copyAnswer(ByteBuffer(), cdb)
    }

    /// Why the copy ended early; nothing where it did not.
    fileprivate func receiveCopyFailureDetails(_ cdb: CDB, _ nexus: UInt64) -> TaskStep {
        guard let record = self.copies.record(cdb[2], nexus: nexus), record.isOver else {
            return self.check(.invalidFieldInCDB(2))
        }
        guard let failure = record.outcome.failure else { return self.copyAnswer(ByteBuffer(), cdb) }
        let sense = failure.encode(self.senseFormat)
        var body = ByteBuffer()
        body.writeRepeatingByte(0, count: 52)
        body.writeInteger(Status.checkCondition.rawValue)
        body.writeInteger(UInt8(0))
        body.writeInteger(UInt16(clamping: sense.readableBytes))
        body.writeImmutableBuffer(sense)
        return self.copyAnswer(body, cdb)
    }

    fileprivate func receiveCopyOperatingParameters(_ cdb: CDB) -> TaskStep {
        var body = ByteBuffer()
        body.writeInteger(UInt32(0x0100_0000))  // SNLID: copies without a list identifier
        body.writeInteger(UInt16(Limits.copyDevices))
        body.writeInteger(UInt16(Limits.copySegments))
        body.writeInteger(UInt32(Limits.copyDescriptorListBytes))
        body.writeInteger(UInt32(Limits.copySegmentBytes))
        body.writeInteger(UInt32(0))  // no inline data
        body.writeInteger(UInt32(0))  // no held data
        body.writeInteger(UInt32(0))  // no stream devices
        body.writeInteger(UInt16(0))
        body.writeInteger(UInt16(Limits.concurrentCopies))
        body.writeInteger(UInt8(Limits.concurrentCopies))
        body.writeInteger(self.copyGranularity)
        body.writeInteger(UInt16(0))  // granularities of inline and held data
        body.writeRepeatingByte(0, count: 3)
        let types = [CopySegment.blockToBlock, CopySegment.blockToBlockWithOffset, CopyDevice.typeCode]
        body.writeInteger(UInt8(types.count))
        body.writeBytes(types)
        return self.copyAnswer(body, cdb)
    }

    /// The smallest thing that a segment may copy, as a power of two: a block.
    private var copyGranularity: UInt8 { UInt8(self.info.geometry.blockSize.trailingZeroBitCount) }

    /// VPD page 8F: third-party copies (SPC-4). Descriptors of type, length, and a body padded to four bytes.
    func thirdPartyCopyPage() -> ByteBuffer {
        var page = ByteBuffer()
        // Which commands and service actions.
        page.writeCopyDescriptor(0x0001, [9, 0x83, 1, 0x00, 0x84, 4, 0x00, 0x01, 0x03, 0x04])
        // How much one parameter list may ask for.
        var parameters = ByteBuffer()
        parameters.writeInteger(UInt32(0))
        parameters.writeInteger(UInt16(Limits.copyDevices))
        parameters.writeInteger(UInt16(Limits.copySegments))
        parameters.writeInteger(UInt32(Limits.copyDescriptorListBytes))
        parameters.writeInteger(UInt32(0))  // no inline data
        parameters.writeRepeatingByte(0, count: 12)
        page.writeCopyDescriptor(0x0004, Array(parameters.readableBytesView))
        // Which descriptors.
        page.writeCopyDescriptor(
            0x0008, [3, CopySegment.blockToBlock, CopySegment.blockToBlockWithOffset, CopyDevice.typeCode])
        // General copy operations.
        var operations = ByteBuffer()
        operations.writeInteger(UInt32(Limits.concurrentCopies))
        operations.writeInteger(UInt32(Limits.concurrentCopies))
        operations.writeInteger(UInt32(Limits.copySegmentBytes))
        operations.writeInteger(self.copyGranularity)
        operations.writeInteger(UInt8(0))
        operations.writeRepeatingByte(0, count: 18)
        page.writeCopyDescriptor(0x8001, Array(operations.readableBytesView))
        return page
    }
}

extension ByteBuffer {
    fileprivate mutating func writeCopyDescriptor(_ type: UInt16, _ body: [UInt8]) {
        let padding = (4 - body.count % 4) % 4
        self.writeInteger(type)
        self.writeInteger(UInt16(body.count + padding))
        self.writeBytes(body)
        self.writeRepeatingByte(0, count: padding)
    }
}
