// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

extension CommandDescriptor {
    /// PERSISTENT RESERVE OUT (SPC-4).
    static let persistentReserveOut: [CommandDescriptor] = PersistentReserveOut.Action.allCases.map { action in
        CommandDescriptor(
            "PERSISTENT RESERVE OUT: \(action)",
            [0x5F, action.rawValue, action.hasType ? 0xFF : 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x04],
            serviceAction: UInt16(action.rawValue), .unlessReserved, .reservations,
            handler: { unit, cdb, nexus in unit.persistentReserveOut(action, cdb) })
    }
}

/// A PERSISTENT RESERVE OUT whose parameter list is under way.
package struct PersistentReserveOut: Sendable {
    enum Action: UInt8, Sendable, CaseIterable {
        case register = 0x00
        case reserve = 0x01
        case release = 0x02
        case clear = 0x03
        case preempt = 0x04
        case preemptAndAbort = 0x05
        case registerAndIgnoreExistingKey = 0x06
        case registerAndMove = 0x07

        /// Whether SCOPE and TYPE mean something.
        var hasType: Bool {
            switch self {
            case .reserve, .release, .preempt, .preemptAndAbort: true
            case .register, .clear, .registerAndIgnoreExistingKey, .registerAndMove: false
            }
        }
    }

    var action: Action
    /// What the CDB says; any type where it says nothing.
    var type: ReservationType
    var parameterListLength: Int
}

/// The parameter list of every service action but REGISTER AND MOVE (SPC-4).
///
///     0  RESERVATION KEY (8)    8  SERVICE ACTION RESERVATION KEY (8)    16  obsolete (4)
///     20  SPEC_I_PT, ALL_TG_PT, APTPL    21  reserved (3)    24  with SPEC_I_PT: length (4), TransportIDs
struct ReserveOutParameters {
    static let length = 24

    var key: UInt64
    var actionKey: UInt64
    var allTargetPorts = false
    /// APTPL: what is registered and reserved is to outlive power cuts.
    var outlivesPower = false
    /// Initiator ports to register besides the sender's.
    var initiators: [TransportID]?

    static func parse(_ command: PersistentReserveOut, _ list: ByteBuffer) -> Result<ReserveOutParameters, Refusal> {
        var list = list
        guard list.readableBytes == command.parameterListLength,
            let (key, actionKey, _) = list.readMultipleIntegers(as: (UInt64, UInt64, UInt32).self),
            let (flags, _, _) = list.readMultipleIntegers(as: (UInt8, UInt8, UInt16).self)
        else { return .failure(Refusal(.parameterListLengthError)) }
        var parameters = ReserveOutParameters(key: key, actionKey: actionKey)
        let isRegister = command.action == .register
        let isRegistration = isRegister || command.action == .registerAndIgnoreExistingKey
        parameters.outlivesPower = isRegistration && flags & 0x01 != 0
        parameters.allTargetPorts = isRegistration && flags & 0x04 != 0
        guard flags & 0x08 != 0 else {  // SPEC_I_PT
            guard list.readableBytes == 0 else { return .failure(Refusal(.parameterListLengthError)) }
            return .success(parameters)
        }
        guard isRegister else { return .failure(Refusal(.invalidFieldInParameterList(20, bit: 3))) }
        guard let length = list.readInteger(as: UInt32.self), Int(length) <= list.readableBytes,
            var transportIDs = list.readSlice(length: Int(length))
        else { return .failure(Refusal(.parameterListLengthError)) }
        var initiators: [TransportID] = []
        while transportIDs.readableBytes > 0 {
            guard let initiator = TransportID(reading: &transportIDs) else {
                return .failure(Refusal(.invalidFieldInParameterList(28)))
            }
            initiators.append(initiator)
        }
        parameters.initiators = initiators
        return .success(parameters)
    }

    struct Refusal: Error {
        var sense: Sense

        init(_ sense: Sense) {
            self.sense = sense
        }
    }
}

extension LogicalUnit {
    fileprivate func persistentReserveOut(_ action: PersistentReserveOut.Action, _ cdb: CDB) -> TaskStep {
        let length = Int(clamping: cdb.uint32(5))
        guard length >= ReserveOutParameters.length, length <= Limits.maximumReserveOutBytes else {
            return self.check(.parameterListLengthError)
        }
        var type = ReservationType.writeExclusive
        if action.hasType {
            guard cdb[2] >> 4 == 0 else { return self.check(.invalidFieldInCDB(2, bit: 7)) }
            guard let wanted = ReservationType(rawValue: cdb[2] & 0x0F) else {
                return self.check(.invalidFieldInCDB(2, bit: 3))
            }
            type = wanted
        }
        return .collect(
            byteCount: length,
            .persistentReserveOut(PersistentReserveOut(action: action, type: type, parameterListLength: length)))
    }

    /// The parameter list has come. GOOD leaves when what must outlive a power cut is on stable storage.
    mutating func persistentReserveOut(
        _ command: PersistentReserveOut, _ list: ByteBuffer, _ nexus: Nexus
    ) -> TaskStep {
        let step = self.changeReservations(command, list, nexus)
        guard case .finish(let result) = step, result.status == .good else { return step }
        return self.remembering(result)
    }

    private mutating func changeReservations(
        _ command: PersistentReserveOut, _ list: ByteBuffer, _ nexus: Nexus
    ) -> TaskStep {
        if command.action == .registerAndMove { return self.registerAndMove(command, list, nexus) }
        let parameters: ReserveOutParameters
        switch ReserveOutParameters.parse(command, list) {
        case .success(let parsed): parameters = parsed
        case .failure(let refusal): return self.check(refusal.sense)
        }
        switch command.action {
        case .register: return self.register(parameters, nexus, ignoringKey: false)
        case .registerAndIgnoreExistingKey: return self.register(parameters, nexus, ignoringKey: true)
        default: break
        }
        // All others are the registrants' own.
        guard let own = self.persistent.registration(of: nexus), own.key == parameters.key else {
            return .finish(.reservationConflict)
        }
        switch command.action {
        case .reserve: return self.reserve(command.type, own)
        case .release: return self.release(command.type, own, nexus)
        case .clear: return self.clear(nexus)
        case .preempt: return self.preempt(command.type, parameters, own, nexus, aborts: false)
        case .preemptAndAbort: return self.preempt(command.type, parameters, own, nexus, aborts: true)
        case .register, .registerAndIgnoreExistingKey, .registerAndMove: preconditionFailure("handled above")
        }
    }
}
