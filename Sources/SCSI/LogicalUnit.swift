// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block

/// A direct-access logical unit: the part of a SCSI device server that decides (SAM-5, SPC-4, SBC-3).
///
/// It is a value without locks or clocks; whoever shares it guards it (the server with a `Mutex`), asks `begin` what a
/// command needs and does that. Reads and writes are answered without allocating:
///
///     begin ─► order of tasks? ─► reservation conflict? ─► unit attention? ─► medium? ─► write-protected? ─► the command's handler
///
/// The order is SAM-5's (§5.3.3): a conflict takes precedence over sense data, and leaves the unit attention waiting.
package struct LogicalUnit: Sendable {
    package let identity: LogicalUnitIdentity
    package internal(set) var info: BlockInfo
    package let settings: LogicalUnitSettings
    /// `settings.withheld` and `settings.refusedAccessBits` as commands are checked against them.
    private let withheld: CommandDescriptor.Traits
    private let refusedAccessBits: UInt8

    var modes: ModePages
    var attentions = UnitAttentions()
    /// The reservation that RESERVE made.
    var reservation: LegacyReservation?
    var persistent = PersistentReservations()
    /// The nexuses that exist, by their identifier.
    var nexuses: [UInt64: Nexus] = [:]
    var medium: MediumState
    var copies = CopyRecords()
    /// Nil while all is as usual.
    var sanitizing: Sanitizing?
    /// What the memory is to say of it.
    var sanitizeRecord: SanitizeRecord?
    var tasks = TaskSet()
    /// The target port groups as they stand, and as they were configured before SET TARGET PORT GROUPS.
    package internal(set) var ports = TargetPortGroups.standard {
        didSet { self.hasInactivePorts = self.ports.hasInactive }
    }
    var configuredPorts = TargetPortGroups.standard
    var arePortsConfigured = false
    /// What is remembered of SET TARGET PORT GROUPS, by group.
    var keptPortStates: [UInt16: KeptPortState] = [:]
    private(set) var hasInactivePorts = false
    /// The mode pages that MODE SELECT saved, as `UnitMemory.modePages` has them.
    var savedModePages: [UInt16: [UInt8]] = [:]
    /// What SET IDENTIFYING INFORMATION set, by its type.
    var identifyingInformation: [UInt8: [UInt8]] = [:]
    var counters = UnitCounters()
    /// The newest first.
    var selfTests: [SelfTest.Result] = []
    /// The one that runs in the background, and the blocks that are being read for it.
    var backgroundTest: SelfTest?
    var backgroundTestRange: BlockRange?
    /// The thresholds of the space that were reached when it was looked at last.
    var reachedThresholds = Self.noThresholdReached
    static let noThresholdReached = [Bool](repeating: false, count: ProvisioningModePage.Resource.allCases.count)
    /// Nil where nothing keeps the unit's memory: APTPL and saved pages are then refused.
    var memoryState: MemoryState?

    /// - Parameter memory: what the unit knew before; nil where nothing can be kept.
    package init(
        identity: LogicalUnitIdentity, info: BlockInfo,
        settings: LogicalUnitSettings = LogicalUnitSettings(), memory: UnitMemory? = nil
    ) {
        self.identity = identity
        self.info = info
        self.settings = settings
        self.withheld = CommandDescriptor.Traits(rawValue: settings.withheld.rawValue)
        self.refusedAccessBits = settings.refusedAccessBits
        self.modes = ModePages(info: info, settings: settings)
        self.persistent.ignoresISID = settings.ignoresISID
        self.medium = MediumState()
        guard let memory else { return }
        self.savedModePages = memory.modePages
        self.modes.restore(memory.modePages)
        self.identifyingInformation = memory.identifyingInformation
        if let reservations = memory.reservations, !settings.withheld.contains(.reservations) {
            self.persistent.restore(reservations.registrations, reservations.reservation)
        }
        self.restore(memory.sanitizing)
        self.keptPortStates = memory.portStates
        self.memoryState = MemoryState(kept: memory, keptPersistent: self.persistent, asked: memory)
    }

    /// Decides what the CDB needs first, which has 16 bytes, or more where an extended CDB came. `expectedDataOut` is the
    /// expected data transfer length of a command that the initiator marked as writing, 0 of one that it did not;
    /// commands whose meaning hangs on the exact length check it. `expectedDataIn` is the same of one that reads, for
    /// units that pass it on. `ticket` is that of a task which had to wait.
    package mutating func begin(
        _ bytes: RawSpan, expectedDataOut: Int? = nil, expectedDataIn: Int = 0, attribute: TaskAttribute = .simple,
        ticket: TaskTicket? = nil, nexus: borrowing Nexus
    ) -> TaskStep {
        let step = self.decide(bytes, expectedDataOut, expectedDataIn, attribute, ticket, nexus)
        if self.settings.attentionInterlock == .keepsAndEstablishes, case .finish(let result) = step {
            self.establishAttention(of: result.status, nexus.id)
        }
        return step
    }

    private mutating func decide(
        _ bytes: RawSpan, _ expectedDataOut: Int?, _ expectedDataIn: Int, _ wanted: TaskAttribute,
        _ ticket: TaskTicket?, _ nexus: borrowing Nexus
    ) -> TaskStep {
        let cdb = CDB(bytes, expectedDataOut: expectedDataOut)
        let attribute = self.settings.keepsOrder && wanted == .simple ? .ordered : wanted
        if attribute != .simple || self.tasks.needsCare, ticket == nil,
            let step = self.admission(of: cdb, attribute, nexus)
        {
            return step
        }
        if self.settings.passesThrough {
            return self.passThrough(bytes, cdb, expectedDataIn: expectedDataIn, nexus: nexus)
        }
        guard let index = CommandTable.standard.index(of: cdb) else {
            return self.refuseUnknown(cdb, nexus: nexus.id)
        }
        let access = CommandTable.standard.commands[index].access
        if self.isReserved, self.conflicts(access.reservation, nexus) {
            return .finish(.reservationConflict)
        }
        if self.attentions.pending > 0, !access.traits.contains(.ignoresUnitAttention),
            let code = self.attentionToReport(to: nexus.id)
        {
            return self.check(Sense(.unitAttention, code))
        }
        if self.hasInactivePorts, let sense = self.ports.group(of: nexus).state.refusal(of: cdb) {
            return self.check(sense)
        }
        if self.sanitizing != nil, let sense = self.sanitizeRefusal(access.traits) {
            return self.check(sense)
        }
        if access.traits.contains(.needsMedium), let sense = self.medium.notReady {
            return self.check(sense)
        }
        if access.traits.contains(.writesMedium), let sense = self.writeProtection(nexus) {
            return self.check(sense)
        }
        if !access.traits.isDisjoint(with: .optional), !self.offers(access.traits) {
            return self.refuseUnoffered(cdb.operationCode)
        }
        if self.refusedAccessBits & access.accessBits & cdb[1] != 0 {
            return self.check(.invalidFieldInCDB(1, bit: self.refusedAccessBits & cdb[1] & 0x10 != 0 ? 4 : 3))
        }
        return CommandTable.standard.commands[index].handler(&self, cdb, nexus)
    }

    /// Decides what the command needs next.
    package mutating func resume(
        _ continuation: CommandContinuation, with event: TaskEvent, nexus: borrowing Nexus
    ) -> TaskStep {
        switch event {
        case .performed(.failure(let error)):
            if case .selfTest(let test, let lba) = continuation { return self.failed(test, at: lba) }
            if continuation.isVerification, error.kind == .read { self.counters.verifications.failures &+= 1 }
            return .finish(self.failed(error))
        case .performed(.success(let reply)):
            return self.resume(continuation, performed: reply)
        case .collected(let data):
            return self.resume(continuation, collected: data, nexus: nexus)
        case .copied(let outcome):
            guard case .copied(let ticket) = continuation else {
                preconditionFailure("\(continuation) does not wait for a copy")
            }
            return self.copied(ticket, outcome, nexus: nexus.id)
        case .remembered(let isKept):
            if case .sanitizeBegins(let isImmediate) = continuation {
                return self.sanitizeBegins(isImmediate: isImmediate, isKept: isKept)
            }
            guard case .remembered(let result) = continuation else {
                preconditionFailure("\(continuation) does not wait for the memory")
            }
            return isKept ? .finish(result) : self.check(Sense(.hardwareError, .internalTargetFailure))
        }
    }

    /// Sense data for a store that failed.
    package mutating func failed(_ error: BlockError) -> CommandResult {
        self.counters.count(error)
        let sense: Sense =
            switch error.kind {
            case .read: Sense(.mediumError, .unrecoveredReadError)
            case .write: Sense(.mediumError, .writeError)
            case .full: Sense(.dataProtect, .spaceAllocationFailed)
            case .readOnly: Sense(.dataProtect, .writeProtected)
            case .unsupported: Sense(.illegalRequest, .invalidOperationCode)
            case .unavailable: Sense(.hardwareError, .internalTargetFailure)
            }
        return .check(sense, self.senseFormat)
    }

    /// Sense data for Data-Out that was lost on its way (RFC 7143 §11.4.7.2: protocol service CRC error).
    package func lostDataOut() -> CommandResult {
        .check(Sense(.abortedCommand, .protocolServiceCRCError), self.senseFormat)
    }

    /// Whether the store can do what optional commands need, and the user lets them.
    func offers(_ traits: CommandDescriptor.Traits) -> Bool {
        traits.isDisjoint(with: self.withheld)
            && (!traits.contains(.needsUnmap) || self.info.capabilities.contains(.unmap))
            && (!traits.contains(.needsAtomicWrite) || self.maximumAtomicBlocks > 0)
            && (!traits.contains(.needsMemory) || self.memoryState != nil)
            && (!traits.contains(.needsEncryption) || self.info.capabilities.contains(.encrypts))
    }

    /// What D_SENSE chooses.
    var senseFormat: SenseFormat {
        self.modes.control.descriptorSense ? .descriptor : .fixed
    }

    func check(_ sense: Sense) -> TaskStep {
        .finish(.check(sense, self.senseFormat))
    }

    private mutating func refuseUnknown(_ cdb: CDB, nexus: UInt64) -> TaskStep {
        if self.attentions.pending > 0, let code = self.attentionToReport(to: nexus) {
            return self.check(Sense(.unitAttention, code))
        }
        // A known operation code whose service action is not: the field in error is the service action.
        guard CommandTable.standard.isKnown(cdb.operationCode) else {
            return self.check(Sense(.illegalRequest, .invalidOperationCode))
        }
        return self.check(.invalidFieldInCDB(1, bit: 4))
    }

    /// Of a command that is there otherwise, it is the service action that is not.
    private func refuseUnoffered(_ operationCode: UInt8) -> TaskStep {
        let isThere = CommandTable.standard.commands.contains {
            $0.operationCode == operationCode && self.offers($0.access.traits)
        }
        return self.check(isThere ? .invalidFieldInCDB(1, bit: 4) : Sense(.illegalRequest, .invalidOperationCode))
    }
}

/// What INQUIRY tells of a logical unit.
package struct LogicalUnitIdentity: Sendable {
    /// The backstore's name: INQUIRY's product identification.
    package var product: String
    /// The unit serial number (VPD page 80), a UUID as LIO writes it.
    package var serial: String
    /// INQUIRY's product revision level, four characters.
    package var revision: String

    package init(product: String, serial: String, revision: String = "0001") {
        self.product = product
        self.serial = serial
        self.revision = revision
    }
}
