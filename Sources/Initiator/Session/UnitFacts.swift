// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore
import Wire

/// How large a logical unit is.
package struct UnitCapacity: Sendable, Equatable {
    package var blockSize: Int
    package var blockCount: UInt64

    package var bytes: UInt64 { self.blockCount * UInt64(self.blockSize) }
}

/// How much one command may transfer, and how blocks are made zero.
struct TransferLimits: Sendable {
    /// 0 where there is no limit.
    var transferBlocks: UInt64 = 0
    var writeSameBlocks: UInt64 = 0
    var hasWriteSame = false
    /// Unmapped blocks read as zeroes.
    var unmapsToZero = false
}

/// What the standard INQUIRY data tells.
package struct UnitInquiry: Sendable {
    package var deviceType: UInt8
    package var isRemovable: Bool
    package var version: UInt8
    package var vendor: String
    package var product: String
    package var revision: String
}

extension InitiatorSession {
    private var lun: UInt64 { InitiatorCommand.encode(lun: self.url.lun) }

    package func capacity() async throws -> UnitCapacity {
        let data = try await self.execute(.readCapacity16(lun: self.lun), "READ CAPACITY (16)")
        let bytes = data.readableBytesSpan
        guard bytes.byteCount >= 12 else {
            throw InitiatorError(.protocolViolation, "\(self.url.shown): READ CAPACITY (16) brings no capacity")
        }
        let last = bytes.bigEndian(0, as: UInt64.self)
        let blockSize = Int(bytes.bigEndian(8, as: UInt32.self))
        // A size beyond what numbers can tell is a target's nonsense, as is a block that is no power of two.
        guard 512...65_536 ~= blockSize, blockSize & (blockSize - 1) == 0,
            last < UInt64.max / UInt64(blockSize)
        else {
            throw InitiatorError(
                .protocolViolation, "\(self.url.shown): \(last) blocks of \(blockSize) bytes is no disk")
        }
        return UnitCapacity(blockSize: blockSize, blockCount: last + 1)
    }

    func transferLimits() async throws -> TransferLimits {
        var limits = TransferLimits()
        let capacity = try await self.execute(.readCapacity16(lun: self.lun), "READ CAPACITY (16)")
        // LBPME and LBPRZ.
        limits.unmapsToZero = capacity.readableBytes >= 15 && capacity.readableBytesSpan.byte(14) & 0xc0 == 0xc0
        if let page = try await self.page(0xb0), page.readableBytes >= 12 {
            let bytes = page.readableBytesSpan
            limits.transferBlocks = UInt64(bytes.bigEndian(8, as: UInt32.self))
            if bytes.byteCount >= 44 { limits.writeSameBlocks = bytes.bigEndian(36, as: UInt64.self) }
        }
        // Logical block provisioning: LBPWS tells of WRITE SAME (16) with the UNMAP bit.
        if let page = try await self.page(0xb2), page.readableBytes >= 6 {
            limits.unmapsToZero = limits.unmapsToZero && page.readableBytesSpan.byte(5) & 0x40 != 0
        } else {
            limits.unmapsToZero = false
        }
        limits.hasWriteSame = try await self.supports(operation: 0x93)
        return limits
    }

    /// A vital product data page; nil where the unit does not have it.
    private func page(_ code: UInt8) async throws -> ByteBuffer? {
        do {
            return try await self.execute(.inquiry(lun: self.lun, page: code), "INQUIRY")
        } catch let error as InitiatorError {
            if case .command = error.kind { return nil }
            throw error
        }
    }

    /// Whether the unit says that it knows a command (REPORT SUPPORTED OPERATION CODES).
    private func supports(operation: UInt8) async throws -> Bool {
        do {
            let answer = try await self.execute(
                .reportOperation(lun: self.lun, operation), "REPORT SUPPORTED OPERATION CODES")
            return answer.readableBytes >= 2 && answer.readableBytesSpan.byte(1) & 0x07 == 0x03
        } catch let error as InitiatorError {
            if case .command = error.kind { return false }
            throw error
        }
    }

    package func inquiry() async throws -> UnitInquiry {
        let data = try await self.execute(.inquiry(lun: self.lun), "INQUIRY")
        let bytes = data.readableBytesSpan
        guard bytes.byteCount >= 36 else {
            throw InitiatorError(.protocolViolation, "\(self.url.shown): INQUIRY brings \(bytes.byteCount) bytes")
        }
        func text(_ range: Range<Int>) -> String {
            let characters = range.map { Character(Unicode.Scalar(bytes.byte($0))) }
            return String(characters.map { $0.isASCII && !$0.isNewline ? $0 : "?" }).trimmed
        }
        return UnitInquiry(
            deviceType: bytes.byte(0) & 0x1f, isRemovable: bytes.byte(1) & 0x80 != 0, version: bytes.byte(2),
            vendor: text(8..<16), product: text(16..<32), revision: text(32..<36))
    }

    /// The unit serial number (page 80h); nil where the unit does not tell it.
    package func serialNumber() async throws -> String? {
        guard var data = try await self.page(0x80),
            let length = data.getInteger(at: data.readerIndex + 2, as: UInt16.self)
        else { return nil }
        data.moveReaderIndex(forwardBy: min(4, data.readableBytes))
        return data.readString(length: min(Int(length), data.readableBytes))?.trimmed
    }

    /// The LUNs of the target (REPORT LUNS), those in peripheral or flat space addressing.
    package func luns() async throws -> [UInt16] {
        var data = try await self.execute(.reportLUNs(), "REPORT LUNS")
        let length = Int(data.readInteger(as: UInt32.self) ?? 0)
        data.moveReaderIndex(forwardBy: min(4, data.readableBytes))
        var luns: [UInt16] = []
        for _ in 0..<(length / 8) {
            guard let lun = data.readInteger(as: UInt64.self) else { break }
            luns.append(UInt16(truncatingIfNeeded: lun >> 48) & 0x3fff)
        }
        return luns
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.last == " " || text.last == "\0" { text = text.dropLast() }
        return String(text.drop { $0 == " " })
    }
}
