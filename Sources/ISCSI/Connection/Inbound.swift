// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// What a PDU of the full-feature phase asks the server to do. Everything that the protocol answers by itself (pings,
/// negotiation, rejects) is already in the output by then, and the PDU means `.nothing` to the server.
package enum Inbound: Sendable {
    case nothing
    /// A SCSI command, in order.
    case command(SCSICommand)
    /// The next Data-Out of an open task; `isLast` when no more will come.
    case data(initiatorTaskTag: UInt32, ByteBuffer, isLast: Bool)
    /// Data-Out of an open task was lost or came out of order: end the task with that (RFC 7143 §7.8, §7.9).
    case dataOutLost(initiatorTaskTag: UInt32, reason: String)
    /// The last Data-Out of a burst whose task has been aborted.
    case abandonedDataEnded
    case taskManagement(TaskManagementRequest)
    case logout(LogoutRequest)
    /// The connection cannot go on (error recovery level 0): close it. The reason is for the log.
    case close(reason: String)
}

/// A Task Management Function Request (RFC 7143 §11.5).
package struct TaskManagementRequest: Sendable {
    package var function: UInt8
    package var lun: UInt64
    package var initiatorTaskTag: UInt32
    package var referencedTaskTag: UInt32
    package var cmdSN: UInt32
    package var referencedCmdSN: UInt32
    /// With TASK REASSIGN: the first Data-In PDU that the initiator has not received, or 0.
    package var expDataSN: UInt32

    init(_ header: BasicHeaderSegment) {
        self.function = header.flags & 0x7f
        self.lun = header.lun
        self.initiatorTaskTag = header.initiatorTaskTag
        self.referencedTaskTag = header[field: 20]
        self.cmdSN = header[field: 24]
        self.referencedCmdSN = header[field: 32]
        self.expDataSN = header[field: 36]
    }

    /// Function codes (RFC 7143 §11.5.1).
    package enum Function: UInt8, Sendable {
        case abortTask = 1
        case abortTaskSet = 2
        case clearACA = 3
        case clearTaskSet = 4
        case logicalUnitReset = 5
        case targetWarmReset = 6
        case targetColdReset = 7
        case taskReassign = 8
        // RFC 7144, where iSCSIProtocolLevel is 2.
        case queryTask = 9
        case queryTaskSet = 10
        case nexusReset = 11
        case queryAsynchronousEvent = 12

        /// The least iSCSIProtocolLevel that has the function.
        package var protocolLevel: UInt32 {
            self.rawValue < Self.queryTask.rawValue ? 1 : 2
        }
    }
}

/// Response codes of task management (RFC 7143 §11.6.1, RFC 7144).
package enum TaskManagementResponse: UInt8, Sendable {
    case complete = 0
    case noSuchTask = 1
    case noSuchLUN = 2
    case stillAllegiant = 3
    case reassignmentNotSupported = 4
    case notSupported = 5
    /// What was asked for is there (SAM-5's FUNCTION SUCCEEDED).
    case succeeded = 7
    case rejected = 255
}

/// Why a PDU was rejected (RFC 7143 §11.17.1).
package enum RejectReason: UInt8, Sendable {
    case dataDigestError = 0x02
    case snackReject = 0x03
    case protocolError = 0x04
    case commandNotSupported = 0x05
    case tooManyImmediateCommands = 0x06
    case taskInProgress = 0x07
    case invalidField = 0x09
    case negotiationReset = 0x0b
}

/// A target as discovery tells of it.
package struct DiscoveredTarget: Sendable {
    package var name: String
    /// `host:port,tag`, as RFC 7143 §13.8 writes it.
    package var addresses: [String]

    package init(name: String, addresses: [String]) {
        self.name = name
        self.addresses = addresses
    }
}

/// Answers SendTargets (RFC 7143 §13.3, appendix C).
package protocol TargetDirectory {
    /// The targets that this connection's initiator may see: all, or the one of that name.
    func targets(named name: String?) -> [DiscoveredTarget]
}
