// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block

/// What happens to a logical unit besides commands.
extension LogicalUnit {
    /// A nexus has come into being. Its first command learns that everything the initiator knew may be stale
    /// (SAM-5 §5.14): iPXE, edk2, Linux and libiscsi all retry after this unit attention.
    package mutating func nexusBegan(_ nexus: Nexus) {
        self.nexuses[nexus.id] = nexus
        self.attentions.begin(nexus.id)
        self.attentions.add(.powerOnOrReset, for: nexus.id)
    }

    /// A nexus is gone, and with it what it held: RESERVE's reservation (SPC-2), PREVENT's lock, its unit
    /// attentions. Persistent reservations are the initiator port's, and stay.
    package mutating func nexusEnded(_ id: UInt64) {
        self.nexuses[id] = nil
        self.attentions.end(id)
        self.medium.preventing.remove(id)
        self.copies.nexusEnded(id)
        self.clearACA(by: id)
        if self.reservation?.holder == id {
            self.reservation = nil
        }
    }

    /// QUERY ASYNCHRONOUS EVENT (SAM-5): what waits to be told to the nexus, in the three bytes of its additional response
    /// information (UADE DEPTH and sense key, additional sense code, its qualifier); nil where nothing waits.
    package func asynchronousEvent(for id: UInt64) -> UInt32? {
        guard let (code, count) = self.attentions.first(for: id) else { return nil }
        let depth: UInt32 = count == 1 ? 0b01 : 0b10
        return (depth << 4 | UInt32(SenseKey.unitAttention.rawValue)) << 16 | UInt32(code.rawValue)
    }

    /// LOGICAL UNIT RESET, or a target reset (SAM-5): reservations by RESERVE and locks by PREVENT end, mode
    /// pages return to their saved values or defaults, and every nexus learns of it.
    package mutating func reset() {
        self.reservation = nil
        self.medium.preventing.removeAll()
        self.modes.reset()
        self.modes.restore(self.savedModePages)
        self.tasks.clearACA()
        self.endBackgroundTest(.aborted(byRequest: false))
        self.attentions.addForAll(.busDeviceReset)
    }

    /// The unit attention that a command of the nexus ends with. UA_INTLCK_CTRL says whether that clears it.
    mutating func attentionToReport(to nexus: UInt64) -> AdditionalSense? {
        self.settings.attentionInterlock == .none
            ? self.attentions.take(for: nexus) : self.attentions.first(for: nexus)?.code
    }

    /// UA_INTLCK_CTRL=11b: a status that tells no sense data leaves a unit attention (SPC-4).
    mutating func establishAttention(of status: Status, _ nexus: UInt64) {
        switch status {
        case .busy: self.attentions.add(.previousBusyStatus, for: nexus)
        case .taskSetFull: self.attentions.add(.previousTaskSetFullStatus, for: nexus)
        case .reservationConflict: self.attentions.add(.previousReservationConflictStatus, for: nexus)
        case .good, .checkCondition, .conditionMet, .acaActive, .taskAborted: break
        }
    }

    /// Refuses a command of a nexus because as many as may be are under way; `holdsTask` where some are its own.
    package mutating func full(_ nexus: UInt64, holdsTask: Bool) -> CommandResult {
        let status = holdsTask ? Status.taskSetFull : .busy
        if self.settings.attentionInterlock == .keepsAndEstablishes { self.establishAttention(of: status, nexus) }
        return CommandResult(status: status)
    }

    /// CLEAR TASK SET (SAM-5): `nexuses` are those other than the sender that lost commands by it.
    package mutating func tasksCleared(of nexuses: [UInt64]) {
        for id in nexuses {
            self.attentions.add(.commandsClearedByAnotherInitiator, for: id)
        }
    }

    /// The LUNs that a nexus may reach are others than before.
    package mutating func lunInventoryChanged(for id: UInt64) {
        self.attentions.add(.reportedLUNsDataHasChanged, for: id)
    }

    /// The store has another size than before.
    package mutating func resized(to info: BlockInfo) {
        self.info = info
        self.attentions.addForAll(.capacityDataHasChanged)
    }
}
