// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// What a LUN without a logical unit answers (SAM-5, SPC-4).
package enum AbsentUnit {
    /// `luns` are those that do exist for the nexus.
    package static func begin(_ cdb: RawSpan, luns: [LUN]) -> CommandResult {
        let block = CDB(cdb)
        switch block.operationCode {
        case 0x12:
            return self.inquiry(block)
        case 0x03:
            let format: SenseFormat = block.has(0x01, at: 1) ? .descriptor : .fixed
            let sense = Sense(.illegalRequest, .logicalUnitNotSupported)
            return .good(sense.encode(format).cut(to: Int(block[4])))
        case ReportLUNs.operationCode:
            return ReportLUNs.begin(cdb, luns: luns)
        default:
            return .check(Sense(.illegalRequest, .logicalUnitNotSupported), .fixed)
        }
    }

    /// Standard INQUIRY data with peripheral qualifier 011b and device type 1Fh: nothing here, and nothing can be.
    private static func inquiry(_ cdb: CDB) -> CommandResult {
        guard !cdb.has(0x01, at: 1) else { return .check(.invalidFieldInCDB(1, bit: 0), .fixed) }
        guard cdb[2] == 0 else { return .check(.invalidFieldInCDB(2), .fixed) }
        let data = StandardInquiry.encode(
            peripheral: 0x7F, removable: false, product: "", revision: "", versionDescriptors: [])
        return .good(data.cut(to: Int(cdb.uint16(3))))
    }
}
