// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import Wire

/// What one connection has sent and the initiator has not acknowledged, to be said again (RFC 7143 §7.1.4, §11.16).
///
///     statuses   every numbered response, by StatSN        until ExpStatSN passes it
///     data       every Data-In PDU of a task, by DataSN    until a DataACK, or the task's status, is acknowledged
///
/// There is one only at error recovery level 1 and above. Data is kept rather than read again, so that what is repeated
/// is what was sent. An initiator that acknowledges nothing cannot make it grow: beyond its bounds the oldest is
/// forgotten, and asking for that is answered with a reject that says so.
struct SentRecord: Sendable {
    private(set) var statuses = CircularBuffer<SentStatus>()
    private(set) var data: [UInt32: SentData] = [:]
    /// ITTs of `data`, oldest first; those that are gone are passed over.
    private var order = CircularBuffer<UInt32>()
    private var taskOfTag: [UInt32: UInt32] = [:]
    private(set) var retainedBytes = 0
    /// The Data-In PDU whose bytes are about to follow its header.
    var unfinished: UnfinishedDataIn?

    /// A numbered response as it was sent.
    struct SentStatus: Sendable {
        var header: BasicHeaderSegment
        var data: ByteBuffer
    }

    struct UnfinishedDataIn: Sendable {
        var header: BasicHeaderSegment
        /// Set with the last: what the response will tell.
        var residual: Residual?
    }

    // MARK: - Statuses

    mutating func append(_ header: BasicHeaderSegment, _ data: ByteBuffer) {
        self.statuses.append(SentStatus(header: header, data: data))
        self.retainedBytes += data.readableBytes
        if self.statuses.count > Limits.retainedStatuses { self.removeFirstStatus() }
        self.shrink()
    }

    /// The initiator has received every status before `expected`.
    mutating func acknowledge(_ expected: SerialNumber) {
        while let first = self.statuses.first, SerialNumber(first.header[field: 24]).precedes(expected) {
            self.removeFirstStatus()
        }
    }

    private mutating func removeFirstStatus() {
        let status = self.statuses.removeFirst()
        self.retainedBytes -= status.data.readableBytes
        if status.header.opcode == .scsiResponse { self.forget(status.header.initiatorTaskTag) }
    }

    /// Gives a task's status the tag of an R-Data SNACK.
    mutating func retag(_ initiatorTaskTag: UInt32, snackTag: UInt32, expDataSN: UInt32) -> SentStatus? {
        let index = self.statuses.firstIndex {
            $0.header.opcode == .scsiResponse && $0.header.initiatorTaskTag == initiatorTaskTag
        }
        guard let index else { return nil }
        self.statuses[index].header[field: 20] = snackTag
        self.statuses[index].header[field: 36] = expDataSN
        return self.statuses[index]
    }

    func hasStatus(of initiatorTaskTag: UInt32) -> Bool {
        self.statuses.contains {
            $0.header.opcode == .scsiResponse && $0.header.initiatorTaskTag == initiatorTaskTag
        }
    }

    /// Takes a task's status out, to be sent on another connection.
    mutating func takeStatus(of initiatorTaskTag: UInt32) -> SentStatus? {
        let index = self.statuses.firstIndex {
            $0.header.opcode == .scsiResponse && $0.header.initiatorTaskTag == initiatorTaskTag
        }
        guard let index else { return nil }
        let status = self.statuses.remove(at: index)
        self.retainedBytes -= status.data.readableBytes
        return status
    }

    // MARK: - Data-In

    /// DataSN of a task's next Data-In PDU.
    func nextDataSN(of initiatorTaskTag: UInt32) -> UInt32 {
        self.data[initiatorTaskTag]?.nextDataSN ?? 0
    }

    /// Keeps a Data-In PDU: its header and its bytes.
    mutating func append(_ header: BasicHeaderSegment, bytes: ByteBufferView) {
        let tag = header.initiatorTaskTag
        if self.data[tag] == nil {
            self.data[tag] = SentData()
            self.order.append(tag)
        }
        self.data[tag]?.append(header, bytes)
        self.retainedBytes += bytes.count
        if header[field: 20] != reservedTag { self.taskOfTag[header[field: 20]] = tag }
        self.shrink()
    }

    /// A DataACK: everything before `dataSN` has arrived (RFC 7143 §11.16.2). One whose task is over says nothing new.
    mutating func acknowledgeData(transferTag: UInt32, dataSN: UInt32) {
        guard let tag = self.taskOfTag[transferTag] else { return }
        self.acknowledgeData(of: tag, dataSN: dataSN)
    }

    mutating func acknowledgeData(of tag: UInt32, dataSN: UInt32) {
        guard var data = self.data[tag], dataSN <= data.nextDataSN else { return }
        self.data[tag] = nil
        while data.acknowledged < dataSN { self.dropFirst(&data, isAcknowledged: true) }
        self.data[tag] = data
    }

    private mutating func dropFirst(_ data: inout SentData, isAcknowledged: Bool) {
        guard let dropped = data.dropFirst(isAcknowledged: isAcknowledged) else { return }
        self.retainedBytes -= dropped.dataSegmentLength
        self.taskOfTag[dropped[field: 20]] = nil
    }

    /// Begins to send a task's unacknowledged data anew: returns it, and the DataSN and the offset that it begins with.
    /// nil where some of it is no longer there.
    mutating func restart(_ tag: UInt32) -> (bytes: ByteBuffer, offset: Int)? {
        guard var data = self.data[tag] else { return (ByteBuffer(), 0) }
        guard data.isWhole else { return nil }
        for header in data.headers { self.taskOfTag[header[field: 20]] = nil }
        let (bytes, offset) = data.restart()
        self.retainedBytes -= bytes.readableBytes
        self.data[tag] = data
        return (bytes, offset)
    }

    mutating func setSnackTag(_ snackTag: UInt32, of tag: UInt32) {
        self.data[tag]?.snackTag = snackTag
    }

    /// Takes a task's data out, to be sent on another connection.
    mutating func takeData(of tag: UInt32) -> SentData? {
        guard let data = self.data.removeValue(forKey: tag) else { return nil }
        for header in data.headers { self.taskOfTag[header[field: 20]] = nil }
        self.retainedBytes -= data.bytes.readableBytes
        return data
    }

    /// Goes on with what another connection had sent.
    mutating func put(_ data: SentData, of tag: UInt32) {
        self.forget(tag)
        self.data[tag] = data
        self.order.append(tag)
        self.retainedBytes += data.bytes.readableBytes
    }

    /// Nothing of the task will be asked for again.
    mutating func forget(_ tag: UInt32) {
        _ = self.takeData(of: tag)
        while let oldest = self.order.first, self.data[oldest] == nil { self.order.removeFirst() }
        if self.order.count > 4 * Limits.retainedStatuses {
            self.order.removeAll { self.data[$0] == nil }
        }
    }

    private mutating func shrink() {
        while self.retainedBytes > Limits.retainedBytes, let oldest = self.order.first {
            guard var data = self.data[oldest] else {
                self.order.removeFirst()
                continue
            }
            self.data[oldest] = nil
            while self.retainedBytes > Limits.retainedBytes, !data.headers.isEmpty {
                self.dropFirst(&data, isAcknowledged: false)
            }
            let isEmpty = data.headers.isEmpty
            self.data[oldest] = data
            // Its entry stays for its numbers; there is nothing left in it to drop.
            if isEmpty { self.order.removeFirst() }
        }
        while self.retainedBytes > Limits.retainedBytes, !self.statuses.isEmpty { self.removeFirstStatus() }
    }
}

/// The Data-In PDUs of one task that may be asked for again.
struct SentData: Sendable {
    /// Every PDU before this DataSN has been acknowledged.
    private(set) var acknowledged: UInt32 = 0
    /// Every PDU before this one is no longer there; not before `acknowledged`.
    private(set) var keptFrom: UInt32 = 0
    private(set) var headers = CircularBuffer<BasicHeaderSegment>()
    /// The bytes of `headers`, one after the other.
    private(set) var bytes = ByteBuffer()
    /// The tag that the task's response is to carry, after an R-Data SNACK.
    var snackTag: UInt32 = 0

    var nextDataSN: UInt32 {
        self.keptFrom + UInt32(self.headers.count)
    }

    /// Whether everything that was not acknowledged is there.
    var isWhole: Bool {
        self.keptFrom == self.acknowledged
    }

    mutating func append(_ header: BasicHeaderSegment, _ bytes: ByteBufferView) {
        self.headers.append(header)
        self.bytes.discardReadBytes()
        self.bytes.writeBytes(bytes)
    }

    mutating func dropFirst(isAcknowledged: Bool) -> BasicHeaderSegment? {
        if isAcknowledged {
            self.acknowledged += 1
            guard self.keptFrom < self.acknowledged else { return nil }
        }
        guard let first = self.headers.popFirst() else { return nil }
        self.keptFrom += 1
        self.bytes.moveReaderIndex(forwardBy: first.dataSegmentLength)
        return first
    }

    /// The PDUs of a run, with their bytes; nil where not all of them are there.
    func run(_ range: Range<UInt32>) -> [(header: BasicHeaderSegment, bytes: ByteBuffer)]? {
        guard range.lowerBound >= self.keptFrom, range.upperBound <= self.nextDataSN else { return nil }
        var position = self.bytes.readerIndex
        var pdus: [(header: BasicHeaderSegment, bytes: ByteBuffer)] = []
        for (index, header) in self.headers.enumerated() {
            let length = header.dataSegmentLength
            defer { position += length }
            guard range.contains(self.keptFrom + UInt32(index)) else { continue }
            guard let slice = self.bytes.getSlice(at: position, length: length) else { return nil }
            pdus.append((header, slice))
        }
        return pdus
    }

    mutating func restart() -> (bytes: ByteBuffer, offset: Int) {
        let offset = self.headers.first.map { Int($0[field: 40]) } ?? 0
        defer {
            self.headers.removeAll()
            self.bytes = ByteBuffer()
        }
        return (self.bytes, offset)
    }
}
