// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// LOG SENSE (SPC-4). Nothing is counted on the data path, so there are no error counters to tell.
    static let logSense: [CommandDescriptor] = [
        CommandDescriptor(
            "LOG SENSE", [0x4D, 0x00, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x04], .unlessReserved,
            handler: { unit, cdb, _ in unit.logSense(cdb) })
    ]
}

/// The log pages of a direct-access unit, in the order of their codes.
enum LogPage: UInt8, CaseIterable {
    case supportedPages = 0x00
    /// How much space a thin unit takes, and how much there is (SBC-3).
    case logicalBlockProvisioning = 0x0C
    case informationalExceptions = 0x2F
}

/// A LOG SENSE that waits for the store.
package struct LogRequest: Sendable {
    /// PARAMETER POINTER: parameters below are left out.
    var firstParameter: UInt16
    var allocationLength: Int

    init(_ cdb: CDB) {
        self.firstParameter = cdb.uint16(5)
        self.allocationLength = Int(cdb.uint16(7))
    }
}

extension LogicalUnit {
    private var logPages: [LogPage] {
        LogPage.allCases.filter {
            $0 != .logicalBlockProvisioning || self.info.capabilities.contains([.unmap, .tellsUsage])
        }
    }

    fileprivate func logSense(_ cdb: CDB) -> TaskStep {
        guard !cdb.has(0x01, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 0)) }  // SP: nothing is saved
        // Cumulative values and thresholds are the same: nothing counts up to anything.
        guard let page = LogPage(rawValue: cdb[2] & 0x3F), self.logPages.contains(page) else {
            return self.check(.invalidFieldInCDB(2, bit: 5))
        }
        guard cdb[3] == 0x00 || page == .supportedPages && cdb[3] == 0xFF else {
            return self.check(.invalidFieldInCDB(3))
        }
        let request = LogRequest(cdb)
        switch page {
        case .supportedPages:
            return self.supportedLogPages(withSubpages: cdb[3] == 0xFF, request)
        case .logicalBlockProvisioning:
            return .perform(.usage, .logUsage(request))
        case .informationalExceptions:
            // No exception, and no thermometer.
            return self.log(page, [(0x0000, [0x00, 0x00, 0xFF, 0x00])], request)
        }
    }

    private func supportedLogPages(withSubpages: Bool, _ request: LogRequest) -> TaskStep {
        guard request.firstParameter == 0 else { return self.check(.invalidFieldInCDB(5)) }
        var data = ByteBuffer()
        data.writeInteger(UInt8(withSubpages ? 0x40 : 0x00))  // SPF
        data.writeInteger(UInt8(withSubpages ? 0xFF : 0x00))
        var list: [UInt8] = []
        for page in self.logPages {
            list += withSubpages ? [page.rawValue, 0x00] : [page.rawValue]
            if withSubpages, page == .supportedPages { list += [page.rawValue, 0xFF] }
        }
        data.writeInteger(UInt16(list.count))
        data.writeBytes(list)
        return .finish(.good(data.cut(to: request.allocationLength)))
    }

    /// The store has told what it takes: in threshold sets, whose size page B2 tells.
    func logUsage(_ request: LogRequest, takenBytes: UInt64, freeBytes: UInt64) -> TaskStep {
        let bytesPerSet = UInt64(self.info.geometry.blockSize) << UInt64(self.thresholdExponent)
        let parameters = [
            (UInt16(0x0001), freeBytes / bytesPerSet), (0x0002, (takenBytes + bytesPerSet - 1) / bytesPerSet),
        ]
        return self.log(
            .logicalBlockProvisioning,
            parameters.map { code, count in
                var body = ByteBuffer(integer: UInt32(clamping: count))
                // SCOPE: what is free may be others' as well, what is taken is this unit's own.
                body.writeInteger(UInt32(code == 0x0001 ? 0x0200_0000 : 0x0100_0000))
                return (code, Array(body.readableBytesView))
            }, request)
    }

    /// Parameters: code (2), control (FORMAT AND LINKING 11b: a list in binary), length, value.
    private func log(_ page: LogPage, _ parameters: [(code: UInt16, value: [UInt8])], _ request: LogRequest) -> TaskStep
    {
        let told = parameters.filter { $0.code >= request.firstParameter }
        guard !told.isEmpty else { return self.check(.invalidFieldInCDB(5)) }
        var body = ByteBuffer()
        for parameter in told {
            body.writeInteger(parameter.code)
            body.writeInteger(UInt8(0x03))
            body.writeInteger(UInt8(parameter.value.count))
            body.writeBytes(parameter.value)
        }
        var data = ByteBuffer()
        data.writeInteger(page.rawValue)
        data.writeInteger(UInt8(0))
        data.writeInteger(UInt16(body.readableBytes))
        data.writeImmutableBuffer(body)
        return .finish(.good(data.cut(to: request.allocationLength)))
    }

    /// LBA mapping resources are counted in mebibytes (THRESHOLD EXPONENT of VPD page B2); 0 where the store cannot tell.
    var thresholdExponent: UInt8 {
        guard self.info.capabilities.contains([.unmap, .tellsUsage]) else { return 0 }
        return UInt8(20 - self.info.geometry.blockSize.trailingZeroBitCount)
    }
}
