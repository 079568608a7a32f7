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

    /// LOGICAL UNIT RESET, or a target reset (SAM-5): reservations by RESERVE and locks by PREVENT end, mode
    /// pages return to their saved values or defaults, and every nexus learns of it.
    package mutating func reset() {
        self.reservation = nil
        self.medium.preventing.removeAll()
        self.modes.reset()
        self.modes.restore(self.savedModePages)
        self.tasks.clearACA()
        self.attentions.addForAll(.busDeviceReset)
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
