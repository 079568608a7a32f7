// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import NIOCore
internal import Wire

/// A unit that is a device of the host: what is left to decide here (SAM-5, and as LIO's pscsi does).
///
/// The device answers for itself, INQUIRY and reservations included; it knows one initiator, the host. Here remain the
/// order of tasks, the unit attention of a new nexus, and a nexus' write protection.
extension LogicalUnit {
    mutating func passThrough(
        _ span: RawSpan, _ cdb: CDB, expectedDataIn: Int, nexus: borrowing Nexus
    ) -> TaskStep {
        let code = cdb.operationCode
        let asks = code == 0x12 || code == 0x03 || code == 0xA0
        if self.attentions.pending > 0, !asks, let attention = self.attentions.take(for: nexus.id) {
            return self.check(Sense(.unitAttention, attention))
        }
        let dataOut = cdb.expectedDataOut ?? 0
        if nexus.isWriteProtected, !Self.isHarmless(code, dataOut: dataOut) {
            return self.check(Sense(.dataProtect, .writeProtected))
        }
        guard max(dataOut, expectedDataIn) <= self.settings.maximumTransferBytes else {
            return self.check(.invalidFieldInCommandInformationUnit)
        }
        let length = Self.length(of: cdb)
        let bytes = (0..<min(length, span.byteCount)).map { span.byte($0) }
        guard bytes.count == length else { return self.check(.invalidFieldInCDB(0)) }
        var command = DeviceCommand(cdb: bytes)
        guard dataOut > 0 else {
            command.dataInLength = expectedDataIn
            return .passThrough(command)
        }
        return .collect(byteCount: dataOut, .passThrough(command))
    }

    /// What the initiator is told of the device's answer to `command`.
    package func result(of answer: DeviceAnswer, to command: DeviceCommand, nexus: borrowing Nexus) -> CommandResult {
        switch answer {
        case .status(var status):
            if nexus.isWriteProtected { Self.protect(&status.dataIn, of: command) }
            var result = CommandResult(status: Status(rawValue: status.status) ?? .busy)
            if status.sense.readableBytes > 0 { result.sense = status.sense }
            if status.dataIn.readableBytes > 0 { result.dataIn = status.dataIn }
            return result
        case .failure(.full): return CommandResult(status: .taskSetFull)
        case .failure(.timedOut): return .check(Sense(.abortedCommand, .unitCommunicationTimeOut), .fixed)
        case .failure(.refused): return .check(.invalidFieldInCDB(0), .fixed)
        case .failure(.unreachable): return .check(Sense(.hardwareError, .unitCommunicationFailure), .fixed)
        }
    }

    /// The CDB's length: what the operation code's group says (SPC-4 §4.2.5.1), ten bytes for vendors' groups as Linux
    /// takes it.
    private static func length(of cdb: CDB) -> Int {
        switch cdb.operationCode >> 5 {
        case 3: cdb.operationCode == 0x7F ? 8 + Int(cdb[7]) : 12
        case 6, 7: 10
        default: cdb.groupLength
        }
    }

    /// Sets WP in what MODE SENSE returned (SBC-3's DEVICE-SPECIFIC PARAMETER field).
    private static func protect(_ data: inout ByteBuffer, of command: DeviceCommand) {
        let offset: Int
        switch command.cdb.first {
        case 0x1A: offset = 2
        case 0x5A: offset = 3
        default: return
        }
        guard let byte = data.getInteger(at: data.readerIndex + offset, as: UInt8.self) else { return }
        data.setInteger(byte | 0x80, at: data.readerIndex + offset)
    }

    /// Whether a command leaves the medium and the device's settings as they are, whatever the type of the device.
    private static func isHarmless(_ code: UInt8, dataOut: Int) -> Bool {
        Self.harmless.contains(code) && dataOut == 0 || Self.comparing.contains(code)
    }

    /// VERIFY, which is given what to compare with.
    private static let comparing: Set<UInt8> = [0x2F, 0x8F, 0xAF]

    /// Operation codes that mean something harmless for every type of device that has them.
    private static let harmless: Set<UInt8> = [
        // TEST UNIT READY, REWIND, REQUEST SENSE, READ BLOCK LIMITS, READ (6), SPACE (6), INQUIRY, VERIFY (6)
        0x00, 0x01, 0x03, 0x05, 0x08, 0x11, 0x12, 0x13,
        // MODE SENSE (6), RECEIVE DIAGNOSTIC RESULTS, PREVENT ALLOW MEDIUM REMOVAL
        0x1A, 0x1C, 0x1E,
        // READ CAPACITY (10), READ (10), SEEK or LOCATE (10), PRE-FETCH or READ POSITION, SYNCHRONIZE CACHE (10)
        0x25, 0x28, 0x2B, 0x34, 0x35,
        // READ DEFECT DATA (10), READ BUFFER, READ TOC, GET CONFIGURATION, GET EVENT STATUS, LOG SENSE
        0x37, 0x3C, 0x43, 0x46, 0x4A, 0x4D,
        // MODE SENSE (10), PERSISTENT RESERVE IN, RECEIVE COPY RESULTS, READ (16), READ ATTRIBUTE
        0x5A, 0x5E, 0x84, 0x88, 0x8C,
        // PRE-FETCH (16), SYNCHRONIZE CACHE or SPACE (16), LOCATE (16), SERVICE ACTION IN (16)
        0x90, 0x91, 0x92, 0x9E,
        // REPORT LUNS, MAINTENANCE IN, READ (12), SERVICE ACTION IN (12), READ DISC STRUCTURE
        0xA0, 0xA3, 0xA8, 0xAB, 0xAD,
        // READ DEFECT DATA (12), READ ELEMENT STATUS, READ CD
        0xB7, 0xB8, 0xBE,
    ]
}
