// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

extension CommandDescriptor {
    /// LOG SELECT (SPC-4): counters begin anew. They cannot be given other values, and are not saved.
    static let logSelect: [CommandDescriptor] = [
        CommandDescriptor(
            "LOG SELECT", [0x4C, 0x02, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04], .writes,
            handler: { unit, cdb, nexus in unit.logSelect(cdb, nexus: nexus.id) })
    ]
}

extension LogicalUnit {
    /// PCR=1 resets the page that is named, or every page; so does asking for the default cumulative values (PC=11b).
    fileprivate mutating func logSelect(_ cdb: CDB, nexus: UInt64) -> TaskStep {
        guard !cdb.has(0x01, at: 1) else { return self.check(.invalidFieldInCDB(1, bit: 0)) }  // SP: nothing is saved
        guard cdb.uint16(7) == 0 else { return self.check(.invalidFieldInCDB(7)) }
        let code = cdb[2] & 0x3F
        guard cdb[3] == 0x00 else { return self.check(.invalidFieldInCDB(3)) }
        guard let page = LogPage(rawValue: code), self.logPages.contains(page) else {
            return self.check(.invalidFieldInCDB(2, bit: 5))
        }
        guard cdb.has(0x02, at: 1) || cdb[2] >> 6 == 0b11 else { return .finish(.good) }
        let isAll = page == .supportedPages
        if isAll || page == .writeErrorCounters { self.counters.writes.failures = 0 }
        if isAll || page == .readErrorCounters { self.counters.reads.failures = 0 }
        if isAll || page == .verifyErrorCounters { self.counters.verifications = .init() }
        if isAll || page == .nonMediumErrors { self.counters.otherFailures = 0 }
        if isAll || page == .generalStatistics {
            self.counters.reads = .init(failures: self.counters.reads.failures)
            self.counters.writes = .init(failures: self.counters.writes.failures)
        }
        if isAll || page == .selfTestResults { self.selfTests = [] }
        self.attentions.addForAll(.logParametersChanged, except: nexus)
        return .finish(.good)
    }
}
