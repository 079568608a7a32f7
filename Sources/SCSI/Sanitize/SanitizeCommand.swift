// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import NIOCore

extension CommandDescriptor {
    /// SANITIZE (SBC-3). CRYPTOGRAPHIC ERASE is offered where the store encrypts, by replacing its key.
    static let sanitize: [CommandDescriptor] = [
        CommandDescriptor(
            "SANITIZE (OVERWRITE)", [0x48, 0xA1, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04], serviceAction: 0x01,
            .writes, [.needsMedium, .writesMedium, .endsSanitizeFailure],
            handler: { unit, cdb, _ in unit.sanitizeByOverwriting(cdb) }),
        CommandDescriptor(
            "SANITIZE (BLOCK ERASE)", [0x48, 0xA2, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04],
            serviceAction: 0x02,
            .writes, [.needsMedium, .writesMedium, .needsUnmap, .endsSanitizeFailure],
            handler: { unit, cdb, _ in unit.sanitizeByErasing(cdb, .blockErase) }),
        CommandDescriptor(
            "SANITIZE (CRYPTOGRAPHIC ERASE)", [0x48, 0xA3, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04],
            serviceAction: 0x03,
            .writes, [.needsMedium, .writesMedium, .needsEncryption, .endsSanitizeFailure],
            handler: { unit, cdb, _ in unit.sanitizeByErasing(cdb, .cryptographicErase) }),
        CommandDescriptor(
            "SANITIZE (EXIT FAILURE MODE)", [0x48, 0x1F, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04],
            serviceAction: 0x1F,
            .writes, [.needsMedium, .endsSanitizeFailure],
            handler: { unit, cdb, _ in unit.exitSanitizeFailure(cdb) }),
    ]
}

/// A SANITIZE whose parameter list is under way.
package struct SanitizeRequest: Sendable {
    var parameterListLength: Int
    /// IMMED: the status comes when the operation has begun.
    var isImmediate: Bool
    /// AUSE: a failed operation may be left by EXIT FAILURE MODE.
    var allowsExit: Bool

    init(_ cdb: CDB) {
        self.parameterListLength = Int(cdb.uint16(7))
        self.isImmediate = cdb.has(0x80, at: 1)
        self.allowsExit = cdb.has(0x20, at: 1)
    }
}

extension LogicalUnit {
    private static let overwriteHeaderLength = 4

    /// What is reserved must be zero: whoever sets it means something that this unit would not do.
    private static func reservedField(_ cdb: CDB) -> Sense? {
        guard !cdb.has(0x40, at: 1) else { return .invalidFieldInCDB(1, bit: 6) }
        return (2...6).first { cdb[$0] != 0 }.map { .invalidFieldInCDB($0) }
    }

    fileprivate func sanitizeByOverwriting(_ cdb: CDB) -> TaskStep {
        if let sense = Self.reservedField(cdb) { return self.check(sense) }
        let request = SanitizeRequest(cdb)
        let longest = Self.overwriteHeaderLength + self.info.geometry.blockSize
        guard (Self.overwriteHeaderLength + 1...longest).contains(request.parameterListLength) else {
            return self.check(.invalidFieldInCDB(7))
        }
        return .collect(byteCount: request.parameterListLength, .sanitize(request))
    }

    /// The parameter list has come: 0  INVERT, TEST, OVERWRITE COUNT   2  pattern length (2)   4  pattern
    mutating func sanitize(_ request: SanitizeRequest, _ list: ByteBuffer) -> TaskStep {
        var list = list
        guard list.readableBytes == request.parameterListLength,
            let (flags, _, length) = list.readMultipleIntegers(as: (UInt8, UInt8, UInt16).self)
        else { return self.check(.parameterListLengthError) }
        let passes = Int(flags & 0x1F)
        guard passes > 0 else { return self.check(.invalidFieldInParameterList(0, bit: 4)) }
        guard flags & 0x60 == 0 else { return self.check(.invalidFieldInParameterList(0, bit: 6)) }  // TEST
        guard length > 0, Int(length) == list.readableBytes else { return self.check(.invalidFieldInParameterList(2)) }
        return self.beginSanitizing(
            SanitizeOperation(
                .overwrite(pattern: Array(list.readableBytesView), passes: passes, inverts: flags & 0x80 != 0),
                allowsExit: request.allowsExit),
            request)
    }

    fileprivate mutating func sanitizeByErasing(_ cdb: CDB, _ method: SanitizeOperation.Method) -> TaskStep {
        if let sense = Self.reservedField(cdb) { return self.check(sense) }
        let request = SanitizeRequest(cdb)
        guard request.parameterListLength == 0 else { return self.check(.invalidFieldInCDB(7)) }
        return self.beginSanitizing(SanitizeOperation(method, allowsExit: request.allowsExit), request)
    }

    fileprivate mutating func exitSanitizeFailure(_ cdb: CDB) -> TaskStep {
        if let sense = Self.reservedField(cdb) { return self.check(sense) }
        guard SanitizeRequest(cdb).parameterListLength == 0 else { return self.check(.invalidFieldInCDB(7)) }
        guard case .failed(let allowsExit) = self.sanitizing else { return .finish(.good) }
        guard allowsExit else { return self.check(.invalidFieldInCDB(1, bit: 4)) }
        self.sanitizing = nil
        self.sanitizeRecord = nil
        return self.remembering(.good)
    }

    /// Where the unit has a memory, the operation is kept there before it begins.
    private mutating func beginSanitizing(_ operation: SanitizeOperation, _ request: SanitizeRequest) -> TaskStep {
        self.sanitizing = .running(operation)
        self.sanitizeRecord = .running(operation.method, allowsExit: operation.allowsExit)
        guard let change = self.changeOfMemory() else { return .sanitize(isImmediate: request.isImmediate) }
        return .remember(change, .sanitizeBegins(isImmediate: request.isImmediate))
    }

    /// The operation is kept, or could not be: then it does not begin.
    mutating func sanitizeBegins(isImmediate: Bool, isKept: Bool) -> TaskStep {
        guard !isKept else { return .sanitize(isImmediate: isImmediate) }
        self.sanitizing = nil
        return self.check(Sense(.hardwareError, .internalTargetFailure))
    }

    /// Why a command is refused while the unit is being sanitized, or could not be.
    func sanitizeRefusal(_ traits: CommandDescriptor.Traits) -> Sense? {
        guard let sanitizing, !traits.contains(.ignoresUnitAttention) else { return nil }
        switch sanitizing {
        case .running: return self.sanitizeStanding
        case .failed: return traits.contains(.endsSanitizeFailure) ? nil : self.sanitizeStanding
        }
    }

    /// What REQUEST SENSE tells of it.
    var sanitizeStanding: Sense? {
        switch self.sanitizing {
        case nil: nil
        case .running(let operation):
            Sense(.notReady, .sanitizeInProgress, specific: .progress(operation.progress(self.info)))
        case .failed: Sense(.mediumError, .sanitizeCommandFailed)
        }
    }

    // MARK: - The operation

    /// Whether an operation is under way, as one is that a power cut interrupted.
    package var isBeingSanitized: Bool {
        if case .running = self.sanitizing { true } else { false }
    }

    /// Takes up what the memory tells.
    mutating func restore(_ record: SanitizeRecord?) {
        self.sanitizeRecord = record
        switch record {
        case nil: break
        case .failed(let allowsExit): self.sanitizing = .failed(allowsExit: allowsExit)
        // The store was made another kind since.
        case .running(.cryptographicErase, let allowsExit) where !self.info.capabilities.contains(.encrypts):
            self.sanitizing = .failed(allowsExit: allowsExit)
        case .running(let method, let allowsExit):
            self.sanitizing = .running(SanitizeOperation(method, allowsExit: allowsExit))
        }
    }

    /// What the store has to do next for the unit's sanitize operation; nil when it is over.
    package mutating func nextSanitizeStep() -> BackgroundStep? {
        guard case .running(var operation) = self.sanitizing else { return nil }
        let step = operation.next(self.info)
        self.sanitizing = .running(operation)
        return step
    }

    /// The operation is over: what has to be kept before anybody may use the unit, nil where nothing has.
    package mutating func endSanitizing() -> MemoryChange? {
        if self.isBeingSanitized { self.sanitizeRecord = nil }
        guard let change = self.changeOfMemory() else {
            self.sanitizeEnded(isKept: true)
            return nil
        }
        return change
    }

    /// A unit whose memory still says that it is being sanitized would lose what is written to it.
    package mutating func sanitizeEnded(isKept: Bool) {
        guard case .running(let operation) = self.sanitizing else { return }
        self.sanitizing = isKept ? nil : .failed(allowsExit: operation.allowsExit)
    }

    /// The store's answer to the last step. A failure leaves data behind that nobody may read any longer.
    package mutating func sanitizePerformed(_ result: Result<BlockReply, BlockError>) {
        guard case .running(var operation) = self.sanitizing else { return }
        switch result {
        case .success(let reply):
            operation.performed(reply)
            self.sanitizing = .running(operation)
        case .failure:
            self.sanitizing = .failed(allowsExit: operation.allowsExit)
            self.sanitizeRecord = .failed(allowsExit: operation.allowsExit)
        }
    }

    /// How a SANITIZE ends that waited for the operation.
    package func sanitized() -> CommandResult {
        self.sanitizeStanding.map { .check($0, self.senseFormat) } ?? .good
    }
}
