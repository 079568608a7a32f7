// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// A Logout Request (RFC 7143 §11.14).
package struct LogoutRequest: Sendable {
    package var reason: Reason
    /// The connection meant; says nothing when the session is to be closed.
    package var connectionID: UInt16
    var initiatorTaskTag: UInt32

    /// Reason codes (RFC 7143 §11.14.1).
    package enum Reason: UInt8, Sendable {
        case closeSession = 0
        case closeConnection = 1
        case removeForRecovery = 2
    }
}

/// Response codes of a logout (RFC 7143 §11.15.1).
package enum LogoutResponse: UInt8, Sendable {
    case closed = 0
    case noSuchConnection = 1
    case recoveryNotSupported = 2
}

extension TargetSession {
    /// What a Logout Request is answered with, once that has been done.
    package func response(to request: LogoutRequest) -> LogoutResponse {
        let isKnown = self.connectionIDs.values.contains(request.connectionID)
        return switch request.reason {
        case .closeSession: .closed
        case .closeConnection: isKnown ? .closed : .noSuchConnection
        case .removeForRecovery where self.parameters.errorRecoveryLevel < 2: .recoveryNotSupported
        case .removeForRecovery: isKnown ? .closed : .noSuchConnection
        }
    }
}

extension TargetConnection {
    mutating func receivedLogout(_ pdu: PDU, _ output: inout ByteBuffer) -> Inbound {
        guard let reason = LogoutRequest.Reason(rawValue: pdu.header.flags & 0x7f) else {
            self.reject(pdu.header, .invalidField, &output)
            return .nothing
        }
        return .logout(
            LogoutRequest(
                reason: reason, connectionID: UInt16(truncatingIfNeeded: pdu.header[field: 20] >> 16),
                initiatorTaskTag: pdu.header.initiatorTaskTag))
    }

    /// Answers a Logout Request (RFC 7143 §11.15).
    package mutating func respond(
        to request: LogoutRequest, _ response: LogoutResponse, output: inout ByteBuffer
    ) {
        var header = BasicHeaderSegment(.logoutResponse, flags: 0x80)
        header.opcodeSpecific = UInt16(response.rawValue) << 8
        header.initiatorTaskTag = request.initiatorTaskTag
        header[field: 40] = self.parameters.defaultTime2WaitSeconds << 16
        if self.parameters.errorRecoveryLevel == 2 {
            header[field: 40] |= self.parameters.defaultTime2RetainSeconds
        }
        self.writeNumbered(&header, &output)
    }
}
