// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// What REGISTER, REGISTER AND IGNORE EXISTING KEY and REGISTER AND MOVE do (SPC-4).
extension LogicalUnit {
    mutating func register(
        _ parameters: ReserveOutParameters, _ nexus: Nexus, ignoringKey: Bool
    ) -> TaskStep {
        guard !parameters.outlivesPower || self.memoryState != nil else {
            return self.check(.invalidFieldInParameterList(20, bit: 0))
        }
        guard let index = self.persistent.index(of: nexus) else {
            guard ignoringKey || parameters.key == 0 else { return .finish(.reservationConflict) }
            guard parameters.actionKey != 0 else { return .finish(.good) }
            return self.registerAnew(parameters, nexus)
        }
        guard ignoringKey || self.persistent.registrations[index].key == parameters.key else {
            return .finish(.reservationConflict)
        }
        // TransportIDs go with a first registration only.
        guard parameters.initiators == nil else {
            return self.check(.invalidFieldInParameterList(20, bit: 3))
        }
        if parameters.actionKey == 0 {
            self.unregister(index, nexus.id)
        } else {
            self.persistent.registrations[index].key = parameters.actionKey
        }
        self.persistent.isActivated = self.outlivesPower(parameters.outlivesPower)
        self.persistent.countChange()
        return .finish(.good)
    }

    /// Registers the sender, and the initiator ports that it named, or nobody. Of those that it named, the ones that
    /// are registered already keep their keys.
    private mutating func registerAnew(_ parameters: ReserveOutParameters, _ nexus: Nexus) -> TaskStep {
        let sender = self.persistent.ports(of: nexus)
        var initiatorPorts = [sender.initiatorPort]
        for initiator in parameters.initiators ?? [] {
            let named = self.initiatorPorts(of: initiator)
            guard !named.isEmpty else { return self.check(.invalidFieldInParameterList(28)) }
            initiatorPorts += named
        }
        var changed = self.persistent
        for initiatorPort in initiatorPorts {
            let isSender = initiatorPort == sender.initiatorPort
            if parameters.allTargetPorts {
                let isKnown = changed.registrations.contains { $0.port.initiatorPort == initiatorPort }
                guard isSender || !isKnown else { continue }
                changed.registerThroughAllPorts(initiatorPort, key: parameters.actionKey)
            } else {
                let port = PersistentReservations.NexusPorts(
                    initiatorPort: initiatorPort, targetPort: sender.targetPort)
                guard !changed.registrations.contains(where: { $0.port.covers(port) }) else { continue }
                changed.registrations.append(.init(port: port, key: parameters.actionKey))
            }
        }
        guard changed.registrations.count <= Limits.registrations else {
            return self.check(Sense(.illegalRequest, .insufficientRegistrationResources))
        }
        self.persistent = changed
        self.persistent.isActivated = self.outlivesPower(parameters.outlivesPower)
        self.persistent.countChange()
        return .finish(.good)
    }

    /// The ports that a TransportID means: the one that it names, or all those logged in of the initiator that it
    /// names.
    private func initiatorPorts(of initiator: TransportID) -> [String] {
        switch initiator {
        case .port(let port): [self.persistent.name(port)]
        case .device(let name) where self.persistent.ignoresISID: [name]
        case .device(let name):
            Set(self.nexuses.values.lazy.map { $0.initiatorPort.lowercased() }.filter { $0.hasPrefix(name + ",i,0x") })
                .sorted()
        }
    }

    /// Whether a registration is to be kept, which asks for it or not.
    private func outlivesPower(_ isAsked: Bool) -> Bool {
        isAsked || self.settings.alwaysPersists && self.memoryState != nil
    }

    /// Removes a registration. Its reservation goes with it, unless other registrants hold that as well.
    private mutating func unregister(_ index: Int, _ nexus: UInt64) {
        let registration = self.persistent.registrations.remove(at: index)
        guard let reservation = self.persistent.reservation else { return }
        if reservation.type.isAllRegistrants {
            if let heir = self.persistent.registrations.first {
                self.persistent.reservation?.holder = heir.port
            } else {
                self.persistent.reservation = nil
            }
        } else if reservation.holder == registration.port {
            self.endReservation(announcedBy: nexus)
        }
    }

    /// REGISTER AND MOVE's parameter list:
    ///
    ///     0  RESERVATION KEY (8)    8  SERVICE ACTION RESERVATION KEY (8)    16  reserved
    ///     17  UNREG, APTPL    18  RELATIVE TARGET PORT IDENTIFIER (2)    20  length (4)    24  TransportID
    mutating func registerAndMove(
        _ command: PersistentReserveOut, _ list: ByteBuffer, _ nexus: Nexus
    ) -> TaskStep {
        var list = list
        guard list.readableBytes == command.parameterListLength,
            let (key, actionKey, _) = list.readMultipleIntegers(as: (UInt64, UInt64, UInt8).self),
            let (flags, targetPort, length) = list.readMultipleIntegers(as: (UInt8, UInt16, UInt32).self),
            Int(length) <= list.readableBytes
        else { return self.check(.parameterListLengthError) }
        guard let index = self.persistent.index(of: nexus), self.persistent.registrations[index].key == key else {
            return .finish(.reservationConflict)
        }
        // There is nothing to move.
        guard let reservation = self.persistent.reservation else { return self.check(.invalidFieldInCDB(1, bit: 4)) }
        guard !reservation.type.isAllRegistrants, reservation.holder == self.persistent.registrations[index].port else {
            return .finish(.reservationConflict)
        }
        guard actionKey != 0 else { return self.check(.invalidFieldInParameterList(8)) }
        let outlivesPower = flags & 0x01 != 0  // APTPL
        guard !outlivesPower || self.memoryState != nil else {
            return self.check(.invalidFieldInParameterList(17, bit: 0))
        }
        let initiatorPort: String
        switch TransportID(reading: &list) {
        case .port(let port)?: initiatorPort = self.persistent.name(port)
        case .device(let name)? where self.persistent.ignoresISID: initiatorPort = name
        case .device, nil: return self.check(.invalidFieldInParameterList(24))
        }
        let heir = PersistentReservations.NexusPorts(
            initiatorPort: initiatorPort,
            targetPort: .init(targetName: nexus.targetName, relativePort: targetPort))
        // A port that this target has not is no heir; without members nothing is known of other ports.
        guard self.ports.mayHave(.init(targetName: nexus.targetName.lowercased(), relativePort: targetPort)) else {
            return self.check(.invalidFieldInParameterList(18))
        }
        guard heir != self.persistent.ports(of: nexus) else { return self.check(.invalidFieldInParameterList(24)) }
        if let known = self.persistent.registrations.firstIndex(where: { $0.port == heir }) {
            self.persistent.registrations[known].key = actionKey
        } else {
            guard self.persistent.registrations.count < Limits.registrations else {
                return self.check(Sense(.illegalRequest, .insufficientRegistrationResources))
            }
            self.persistent.registrations.append(.init(port: heir, key: actionKey))
        }
        self.persistent.reservation?.holder = heir
        if flags & 0x02 != 0 {  // UNREG
            self.persistent.registrations.remove(at: index)
        }
        self.persistent.isActivated = self.outlivesPower(outlivesPower)
        self.persistent.countChange()
        return .finish(.good)
    }
}
