// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Sense keys (SPC-4).
package enum SenseKey: UInt8, Sendable {
    case noSense = 0x0
    case recoveredError = 0x1
    case notReady = 0x2
    case mediumError = 0x3
    case hardwareError = 0x4
    case illegalRequest = 0x5
    case unitAttention = 0x6
    case dataProtect = 0x7
    case copyAborted = 0xA
    case abortedCommand = 0xB
    case miscompare = 0xE
}

/// An additional sense code with its qualifier: `ASC << 8 | ASCQ`.
package struct AdditionalSense: Hashable, Sendable {
    package var rawValue: UInt16

    package init(_ rawValue: UInt16) {
        self.rawValue = rawValue
    }

    static let none = AdditionalSense(0x0000)
    static let operationInProgress = AdditionalSense(0x0016)
    static let becomingReady = AdditionalSense(0x0401)
    static let initializingCommandRequired = AdditionalSense(0x0402)
    static let accessStateTransition = AdditionalSense(0x040A)
    static let targetPortInStandbyState = AdditionalSense(0x040B)
    static let targetPortInUnavailableState = AdditionalSense(0x040C)
    static let logicalUnitOffline = AdditionalSense(0x0412)
    static let sanitizeInProgress = AdditionalSense(0x041B)
    static let unitCommunicationFailure = AdditionalSense(0x0800)
    static let unitCommunicationTimeOut = AdditionalSense(0x0801)
    static let writeError = AdditionalSense(0x0C00)
    static let thirdPartyDeviceFailure = AdditionalSense(0x0D01)
    static let copyTargetDeviceNotReachable = AdditionalSense(0x0D02)
    static let incorrectCopyTargetDeviceType = AdditionalSense(0x0D03)
    static let invalidFieldInCommandInformationUnit = AdditionalSense(0x0E03)
    static let unrecoveredReadError = AdditionalSense(0x1100)
    static let parameterListLengthError = AdditionalSense(0x1A00)
    static let miscompareDuringVerify = AdditionalSense(0x1D00)
    static let invalidOperationCode = AdditionalSense(0x2000)
    static let lbaOutOfRange = AdditionalSense(0x2100)
    static let invalidFieldInCDB = AdditionalSense(0x2400)
    static let logicalUnitNotSupported = AdditionalSense(0x2500)
    static let invalidFieldInParameterList = AdditionalSense(0x2600)
    static let invalidReleaseOfPersistentReservation = AdditionalSense(0x2604)
    static let tooManyTargetDescriptors = AdditionalSense(0x2606)
    static let unsupportedTargetDescriptorTypeCode = AdditionalSense(0x2607)
    static let tooManySegmentDescriptors = AdditionalSense(0x2608)
    static let unsupportedSegmentDescriptorTypeCode = AdditionalSense(0x2609)
    static let unexpectedInexactSegment = AdditionalSense(0x260A)
    static let inlineDataLengthExceeded = AdditionalSense(0x260B)
    static let copySegmentGranularityViolation = AdditionalSense(0x260D)
    static let writeProtected = AdditionalSense(0x2700)
    static let softwareWriteProtected = AdditionalSense(0x2702)
    static let spaceAllocationFailed = AdditionalSense(0x2707)
    static let mediumMayHaveChanged = AdditionalSense(0x2800)
    static let powerOnOrReset = AdditionalSense(0x2900)
    static let busDeviceReset = AdditionalSense(0x2903)
    static let modeParametersChanged = AdditionalSense(0x2A01)
    static let logParametersChanged = AdditionalSense(0x2A02)
    static let reservationsPreempted = AdditionalSense(0x2A03)
    static let reservationsReleased = AdditionalSense(0x2A04)
    static let registrationsPreempted = AdditionalSense(0x2A05)
    static let asymmetricAccessStateChanged = AdditionalSense(0x2A06)
    static let capacityDataHasChanged = AdditionalSense(0x2A09)
    static let previousBusyStatus = AdditionalSense(0x2C07)
    static let previousTaskSetFullStatus = AdditionalSense(0x2C08)
    static let previousReservationConflictStatus = AdditionalSense(0x2C09)
    static let commandsClearedByAnotherInitiator = AdditionalSense(0x2F00)
    static let sanitizeCommandFailed = AdditionalSense(0x3103)
    static let thinProvisioningSoftThresholdReached = AdditionalSense(0x3807)
    static let savingParametersNotSupported = AdditionalSense(0x3900)
    static let mediumNotPresent = AdditionalSense(0x3A00)
    static let selfTestInProgress = AdditionalSense(0x0409)
    static let logicalUnitFailedSelfTest = AdditionalSense(0x3E03)
    static let reportedLUNsDataHasChanged = AdditionalSense(0x3F0E)
    static let invalidMessageError = AdditionalSense(0x4900)
    static let internalTargetFailure = AdditionalSense(0x4400)
    static let protocolServiceCRCError = AdditionalSense(0x4705)
    static let mediumRemovalPrevented = AdditionalSense(0x5302)
    static let insufficientRegistrationResources = AdditionalSense(0x5504)
}
