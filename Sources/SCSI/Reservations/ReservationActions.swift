// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What RESERVE, RELEASE, CLEAR and PREEMPT do (SPC-4). The sender is registered, and its key was right.
extension LogicalUnit {
    typealias Registration = PersistentReservations.Registration

    mutating func reserve(_ type: ReservationType, _ own: Registration) -> TaskStep {
        if let reservation = self.persistent.reservation {
            let repeats = self.persistent.isHolder(own) && reservation.type == type
            return .finish(repeats ? .good : .reservationConflict)
        }
        self.persistent.reservation = PersistentReservation(type: type, holder: own.port)
        return .finish(.good)
    }

    /// Those who hold nothing release nothing, and that is no error.
    mutating func release(_ type: ReservationType, _ own: Registration, _ nexus: Nexus) -> TaskStep {
        guard let reservation = self.persistent.reservation, self.persistent.isHolder(own) else {
            return .finish(.good)
        }
        guard reservation.type == type else {
            return self.check(Sense(.illegalRequest, .invalidReleaseOfPersistentReservation))
        }
        self.endReservation(announcedBy: nexus.id)
        return .finish(.good)
    }

    mutating func clear(_ nexus: Nexus) -> TaskStep {
        let others = self.liveNexuses(of: self.persistent.registrations, except: nexus.id)
        self.persistent.registrations.removeAll()
        self.persistent.reservation = nil
        self.persistent.countChange()
        self.attend(others, .reservationsPreempted)
        return .finish(.good)
    }

    /// Removes the registrations with a key, and takes the reservation over where that key holds it.
    mutating func preempt(
        _ type: ReservationType, _ parameters: ReserveOutParameters, _ own: Registration, _ nexus: Nexus,
        aborts: Bool
    ) -> TaskStep {
        let victimKey = parameters.actionKey
        let old = self.persistent.reservation
        let takesReservation = old != nil && self.persistent.holderKey == victimKey
        guard takesReservation || victimKey != 0 else { return self.check(.invalidFieldInParameterList(8)) }
        let removesAll = takesReservation && old?.type.isAllRegistrants == true
        let isVictim: (Registration) -> Bool = { removesAll || $0.key == victimKey }
        guard takesReservation || self.persistent.registrations.contains(where: isVictim) else {
            return .finish(.reservationConflict)
        }
        let removed = self.persistent.registrations.filter { isVictim($0) && $0.port != own.port }
        let victims = self.liveNexuses(of: removed, except: nexus.id)
        self.persistent.registrations.removeAll { isVictim($0) && $0.port != own.port }
        self.persistent.countChange()
        self.attend(victims, .registrationsPreempted)
        if takesReservation {
            self.persistent.reservation = PersistentReservation(type: type, holder: own.port)
            if let old, old.type != type {
                let rest = self.liveNexuses(of: self.persistent.registrations, except: nexus.id)
                self.attend(rest, .reservationsReleased)
            }
        }
        var result = CommandResult.good
        if aborts {
            result.abortsTasksOf = victims
            for victim in victims { self.clearACA(by: victim) }
        }
        return .finish(result)
    }

    /// Ends the reservation. Where others shared in it they are told (SPC-4).
    mutating func endReservation(announcedBy nexus: UInt64) {
        guard let reservation = self.persistent.reservation else { return }
        self.persistent.reservation = nil
        guard reservation.type.admitsRegistrants else { return }
        self.attend(self.liveNexuses(of: self.persistent.registrations, except: nexus), .reservationsReleased)
    }

    /// The nexuses that exist now and that the registrations belong to.
    func liveNexuses(of registrations: [Registration], except id: UInt64) -> [UInt64] {
        self.nexuses.values.filter { nexus in
            let ports = self.persistent.ports(of: nexus)
            return nexus.id != id && registrations.contains { $0.port.covers(ports) }
        }.map(\.id)
    }

    mutating func attend(_ nexuses: [UInt64], _ code: AdditionalSense) {
        for id in nexuses {
            self.attentions.add(code, for: id)
        }
    }
}
