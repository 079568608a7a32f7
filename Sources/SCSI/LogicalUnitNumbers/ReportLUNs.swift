// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// REPORT LUNS (SPC-4), which any LUN answers, existing or not.
package enum ReportLUNs {
    package static let operationCode: UInt8 = 0xA0

    /// Answers with `luns`, those that the nexus may reach.
    package static func begin(_ cdb: RawSpan, luns: [LUN]) -> CommandResult {
        let cdb = CDB(cdb)
        let allocationLength = cdb.uint32(6)
        // LUN 0 through 0xFF is what initiators in use ask for; fewer than 16 bytes could not hold one LUN.
        guard allocationLength >= 16 else { return .check(.invalidFieldInCDB(6), .fixed) }
        let reported: [LUN]
        switch cdb[2] {
        case 0x00, 0x02: reported = luns.sorted()
        case 0x01: reported = []  // well-known logical units: none
        default: return .check(.invalidFieldInCDB(2), .fixed)
        }
        var data = ByteBuffer()
        data.reserveCapacity(8 + 8 * reported.count)
        data.writeInteger(UInt32(8 * reported.count))
        data.writeInteger(UInt32(0))
        for lun in reported {
            data.writeInteger(lun.wire)
        }
        return .good(data.cut(to: Int(allocationLength)))
    }
}
