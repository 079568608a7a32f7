// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

/// A task of a connection that failed goes on, on another (RFC 7143 §7.2.2, error recovery level 2).
extension TargetConnection {
    /// Whether a task is this connection's: open, or answered without the initiator's having acknowledged it.
    package func hasTask(_ initiatorTaskTag: UInt32) -> Bool {
        self.session.tasks[initiatorTaskTag]?.connection == self.number
            || self.sent?.hasStatus(of: initiatorTaskTag) == true
    }

    /// Whether a command has been answered without the initiator's having acknowledged it.
    package var hasUnacknowledgedStatus: Bool {
        self.sent?.statuses.contains { $0.header.opcode == .scsiResponse } ?? false
    }

    /// Whether everything is there that another connection would have to send again.
    package func canGiveUp(_ initiatorTaskTag: UInt32) -> Bool {
        self.sent?.data[initiatorTaskTag]?.isWhole ?? true
    }

    /// Goes on with a task of `other`: sends what the initiator has not acknowledged, asks again for what it was asked
    /// for, and answers it where that was done before.
    ///
    /// - Parameter expDataSN: the first Data-In PDU that the initiator has not received; 0 says nothing new.
    package mutating func takeOver(
        _ tag: UInt32, from other: inout TargetConnection, expDataSN: UInt32, output: inout ByteBuffer
    ) {
        let lun = self.session.tasks[tag]?.command.lun
        if let task = self.session.tasks[tag] {
            task.connection = self.number
            other.chargedBytes -= task.chargedBytes
            self.chargedBytes += task.chargedBytes
            if task.isQueued { other.solicitQueue.removeAll { $0 == tag } }
            task.isQueued = false
            if task.hasDataOut { task.dataOut.moveToAnotherConnection() }
        }
        if let data = other.sent?.takeData(of: tag) {
            let dataLUN = data.headers.first?.lun
            self.sent?.put(data, of: tag)
            self.sent?.acknowledgeData(of: tag, dataSN: expDataSN)
            // A tag that an R-Data SNACK gave it is gone (RFC 7143 §11.16.3).
            _ = self.sendAnew(tag, lun: lun ?? dataLUN ?? 0, snackTag: 0, &output)
        }
        if let task = self.session.tasks[tag], task.hasDataOut {
            for burst in task.dataOut.outstanding { self.writeR2T(task.command, burst, &output) }
            self.queueForR2T(task)
        }
        if let status = other.sent?.takeStatus(of: tag) {
            var header = status.header
            header[field: 20] = 0
            header[field: 36] = self.sent?.nextDataSN(of: tag) ?? 0
            self.writeNumbered(&header, data: status.data, &output)
        }
    }
}
