// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// LOG SENSE (SPC-4).
    static let logSense: [CommandDescriptor] = [
        CommandDescriptor(
            "LOG SENSE", [0x4D, 0x00, 0xFF, 0xFF, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x04], .unlessReserved,
            handler: { unit, cdb, _ in unit.logSense(cdb) })
    ]
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
    var logPages: [LogPage] {
        LogPage.allCases.filter {
            $0 != .logicalBlockProvisioning || self.tellsSpace
        }
    }

    fileprivate func logSense(_ cdb: CDB) -> TaskStep {
        guard !cdb.has(0x01, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 0)) }  // SP: nothing is saved
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
        default:
            return self.log(page, self.logParameters(of: page, control: cdb[2] >> 6), request)
        }
    }

    /// What is known without asking the store. `control` is PC: 01b asks for what has been counted, 11b for what it begins
    /// with; thresholds (00b and 10b) are out of reach.
    private func logParameters(of page: LogPage, control: UInt8) -> [LogParameter] {
        let counters = control == 0b11 ? UnitCounters() : self.counters
        let blockSize = self.info.geometry.blockSize
        var parameters: [LogParameter]
        switch page {
        case .writeErrorCounters: parameters = UnitCounters.errors(counters.writes, blockSize: blockSize)
        case .readErrorCounters: parameters = UnitCounters.errors(counters.reads, blockSize: blockSize)
        case .verifyErrorCounters: parameters = UnitCounters.errors(counters.verifications, blockSize: blockSize)
        case .nonMediumErrors: parameters = [.counter(0x0000, counters.otherFailures)]
        case .generalStatistics: parameters = [counters.statistics]
        case .selfTestResults:
            let none = [UInt8](repeating: 0, count: 16)
            return (0..<SelfTest.results).map { index in
                let result = self.selfTestResults.dropFirst(index).first?.value
                return .list(UInt16(index + 1), result ?? none)
            }
        // No exception, and no thermometer.
        case .informationalExceptions: return [.list(0x0000, [0x00, 0x00, 0xFF, 0x00])]
        case .supportedPages, .logicalBlockProvisioning: return []
        }
        if control & 0b01 == 0 {
            for index in parameters.indices {
                parameters[index].value = parameters[index].value.map { _ in 0xFF }
            }
        }
        return parameters
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
        let (used, available) = self.thresholdSets(takenBytes: takenBytes, freeBytes: freeBytes)
        let parameters = [(UInt16(0x0001), available), (0x0002, used)]
        return self.log(
            .logicalBlockProvisioning,
            parameters.map { code, count in
                var body = ByteBuffer(integer: count)
                // SCOPE: what is free may be others' as well, what is taken is this unit's own.
                body.writeInteger(UInt32(code == 0x0001 ? 0x0200_0000 : 0x0100_0000))
                return .list(code, Array(body.readableBytesView))
            }, request)
    }

    private func log(_ page: LogPage, _ parameters: [LogParameter], _ request: LogRequest) -> TaskStep {
        let told = parameters.filter { $0.code >= request.firstParameter }
        guard !told.isEmpty else { return self.check(.invalidFieldInCDB(5)) }
        var body = ByteBuffer()
        for parameter in told { parameter.write(to: &body) }
        var data = ByteBuffer()
        data.writeInteger(page.rawValue)
        data.writeInteger(UInt8(0))
        data.writeInteger(UInt16(body.readableBytes))
        data.writeImmutableBuffer(body)
        return .finish(.good(data.cut(to: request.allocationLength)))
    }
}
