// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS (SPC-4) and READ DEFECT DATA (SBC-3).
    static let diagnostics: [CommandDescriptor] = [
        CommandDescriptor(
            "SEND DIAGNOSTIC", [0x1D, 0xE4, 0x00, 0x00, 0x00, 0x04], .writes,
            handler: { unit, cdb, _ in unit.sendDiagnostic(cdb) }),
        CommandDescriptor(
            "RECEIVE DIAGNOSTIC RESULTS", [0x1C, 0x01, 0xFF, 0xFF, 0xFF, 0x04], .writes,
            handler: { unit, cdb, _ in unit.receiveDiagnosticResults(cdb) }),
        CommandDescriptor(
            "READ DEFECT DATA (10)", [0x37, 0x00, 0x1F, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04],
            .reads, .needsMedium,
            handler: { unit, cdb, _ in
                unit.readDefectData(cdb[2], headerLength: 4, allocationLength: Int(cdb.uint16(7)))
            }),
        CommandDescriptor(
            "READ DEFECT DATA (12)", [0xB7, 0x1F, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            .reads, .needsMedium,
            handler: { unit, cdb, _ in
                unit.readDefectData(cdb[1], headerLength: 8, allocationLength: Int(clamping: cdb.uint32(6)))
            }),
    ]
}

extension LogicalUnit {
    /// SELFTEST=1 asks for the default self-test, a SELF-TEST CODE for another, or for the end of the one that runs in the
    /// background. There is no diagnostic page to send.
    fileprivate mutating func sendDiagnostic(_ cdb: CDB) -> TaskStep {
        let code = cdb[1] >> 5
        let isAbort = code == 0b100 && self.backgroundTest != nil
        guard SelfTest.Kind(rawValue: code) != nil || isAbort, code == 0 || !cdb.has(0x04, at: 1) else {
            return self.check(.invalidFieldInCDB(1, bit: 7))
        }
        guard cdb.uint16(3) == 0 else { return self.check(.invalidFieldInCDB(3)) }
        guard let kind = SelfTest.Kind(rawValue: code) else {
            self.endBackgroundTest(.aborted(byRequest: true))
            return .finish(.good)
        }
        guard code != 0 || cdb.has(0x04, at: 1) else { return .finish(.good) }
        if let sense = self.medium.notReady ?? self.selfTestStanding { return self.check(sense) }
        return kind == .backgroundExtended ? self.beginInBackground(SelfTest(kind)) : self.begin(SelfTest(kind))
    }

    /// Page 00h, which lists itself alone.
    fileprivate func receiveDiagnosticResults(_ cdb: CDB) -> TaskStep {
        guard cdb.has(0x01, at: 1), cdb[2] == 0x00 else { return self.check(.invalidFieldInCDB(2)) }
        let data = ByteBuffer(bytes: [0x00, 0x00, 0x00, 0x01, 0x00])
        return .finish(.good(data.cut(to: Int(cdb.uint16(3)))))
    }

    /// Both defect lists are empty: what lies below hides its defects. The format asked for is echoed.
    fileprivate func readDefectData(_ request: UInt8, headerLength: Int, allocationLength: Int) -> TaskStep {
        var data = ByteBuffer(bytes: [0x00, request & 0x1F])
        data.writeRepeatingByte(0, count: headerLength - 2)
        return .finish(.good(data.cut(to: allocationLength)))
    }
}
