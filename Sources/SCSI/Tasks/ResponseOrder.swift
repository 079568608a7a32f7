// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

extension CommandResult {
    /// Whether the command's end says something of other tasks of the nexus, so that its response must neither overtake
    /// theirs nor be overtaken: a unit attention, an ACA that begins or is there, PREEMPT AND ABORT (RFC 7143 §4.2.2.3.4).
    package func saysOfOtherTasks(after cdb: RawSpan) -> Bool {
        let cdb = CDB(cdb)
        switch self.status {
        case .acaActive: return true
        case .checkCondition: return cdb.hasNACA || self.senseKey == .unitAttention
        default: return cdb.operationCode == 0x5F && cdb.serviceAction == 0x05
        }
    }

    private var senseKey: SenseKey? {
        guard let sense, let code = sense.getInteger(at: sense.readerIndex, as: UInt8.self) else { return nil }
        let place = sense.readerIndex + (code & 0x7F >= 0x72 ? 1 : 2)
        return sense.getInteger(at: place, as: UInt8.self).flatMap { SenseKey(rawValue: $0 & 0x0F) }
    }
}
