// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// What a target tells of its own accord (RFC 7143 §11.9.1).
package enum AsyncEvent: Sendable, Equatable {
    /// The initiator is to log this connection out; one that has not is dropped after so many seconds.
    case logoutRequest(withinSeconds: UInt16)
    /// This connection is about to be dropped. Where there is another, its tasks may be reassigned.
    case dropsConnection(isRecoverable: Bool)
    /// All connections of the session are about to be dropped, and nothing of it is retained.
    case dropsSession
    /// All tasks of this connection at the LUN, which is in wire format, are being terminated: no more of their data is
    /// to be sent. Only where TaskReporting=FastAbort was agreed on.
    case terminatesTasks(lun: UInt64)

    private var code: UInt8 {
        switch self {
        case .logoutRequest: 1
        case .dropsConnection: 2
        case .dropsSession: 3
        case .terminatesTasks: 5
        }
    }

    /// AsyncEvent, AsyncVCode and Parameter1.
    fileprivate func firstWord(connectionID: UInt16) -> UInt32 {
        let parameter: UInt16 = if case .dropsConnection = self { connectionID } else { 0 }
        return UInt32(self.code) << 24 | UInt32(parameter)
    }

    /// Parameter2 and Parameter3: the seconds to wait before coming back, and those that tasks are retained for.
    fileprivate func secondWord(_ parameters: OperationalParameters) -> UInt32 {
        switch self {
        case .logoutRequest(let seconds): UInt32(seconds)
        case .dropsConnection(isRecoverable: true):
            parameters.defaultTime2WaitSeconds << 16 | parameters.defaultTime2RetainSeconds
        case .dropsConnection(isRecoverable: false), .dropsSession: parameters.defaultTime2WaitSeconds << 16
        case .terminatesTasks: 0
        }
    }
}

extension TargetConnection {
    /// Writes an Async Message (RFC 7143 §11.9).
    package mutating func announce(_ event: AsyncEvent, output: inout ByteBuffer) {
        var header = BasicHeaderSegment(.asyncMessage, flags: 0x80)
        header.initiatorTaskTag = reservedTag
        if case .terminatesTasks(let lun) = event { header.lun = lun }
        header[field: 36] = event.firstWord(connectionID: self.login.connectionID)
        header[field: 40] = event.secondWord(self.parameters)
        self.writeNumbered(&header, &output)
    }
}
