// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

/// What REGISTER, REGISTER AND IGNORE EXISTING KEY and REGISTER AND MOVE do (SPC-4).
extension LogicalUnit {
    mutating func register(
        _ parameters: ReserveOutParameters, _ nexus: Nexus, ignoringKey: Bool
    ) -> TaskStep {
        guard let index = self.persistent.index(of: nexus) else {
            guard ignoringKey || parameters.key == 0 else { return .finish(.reservationConflict) }
            guard parameters.actionKey != 0 else { return .finish(.good) }
            return self.registerAnew(parameters, nexus)
        }
        guard ignoringKey || self.persistent.registrations[index].key == parameters.key else {
            return .finish(.reservationConflict)
        }
        // TransportIDs go with a first registration only.
        guard parameters.initiatorPorts == nil else {
            return self.check(.invalidFieldInParameterList(20, bit: 3))
        }
        if parameters.actionKey == 0 {
            self.unregister(index, nexus.id)
        } else {
            self.persistent.registrations[index].key = parameters.actionKey
        }
        self.persistent.countChange()
        return .finish(.good)
    }

    /// Registers the sender, and the initiator ports that it named, or nobody.
    private mutating func registerAnew(_ parameters: ReserveOutParameters, _ nexus: Nexus) -> TaskStep {
        var ports = [nexus.ports]
        for initiatorPort in parameters.initiatorPorts ?? [] {
            ports.append(.init(initiatorPort: initiatorPort, targetPort: nexus.ports.targetPort))
        }
        if parameters.allTargetPorts {
            for index in ports.indices { ports[index].targetPort = nil }
        }
        var registrations = self.persistent.registrations
        for port in ports {
            if let known = registrations.firstIndex(where: { $0.port == port }) {
                registrations[known].key = parameters.actionKey
            } else {
                registrations.append(.init(port: port, key: parameters.actionKey))
            }
        }
        guard registrations.count <= Limits.registrations else {
            return self.check(Sense(.illegalRequest, .insufficientRegistrationResources))
        }
        self.persistent.registrations = registrations
        self.persistent.countChange()
        return .finish(.good)
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
        guard let index = self.persistent.index(of: nexus), self.persistent.registrations[index].key == key,
            let reservation = self.persistent.reservation, !reservation.type.isAllRegistrants,
            reservation.holder == self.persistent.registrations[index].port
        else { return .finish(.reservationConflict) }
        guard actionKey != 0 else { return self.check(.invalidFieldInParameterList(8)) }
        guard flags & 0x01 == 0 else { return self.check(.invalidFieldInParameterList(17, bit: 0)) }  // APTPL
        guard let initiatorPort = TransportID.read(from: &list) else {
            return self.check(.invalidFieldInParameterList(24))
        }
        let heir = PersistentReservations.NexusPorts(
            initiatorPort: initiatorPort,
            targetPort: .init(targetName: nexus.targetName, relativePort: targetPort))
        guard heir != nexus.ports else { return self.check(.invalidFieldInParameterList(24)) }
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
        self.persistent.countChange()
        return .finish(.good)
    }
}
