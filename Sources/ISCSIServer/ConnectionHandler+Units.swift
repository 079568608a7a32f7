// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import SCSI

/// The units that a session may reach: given at login, and others when the target's configuration changes.
extension ConnectionHandler {
    /// Puts `units` in the place of those before. Units that are new to the session learn of its nexus, those that are
    /// gone forget it, and its tasks there are aborted; the future tells when no store works for those any longer.
    @discardableResult
    func setUnits(_ units: [UInt16: ServedUnit]) -> EventLoopFuture<Void> {
        let before = Self.distinct(self.units)
        let after = Self.distinct(units)
        let dropped = before.filter { after[$0.key] == nil }.values
        guard self.phase != .ended else {
            return self.whenIdle(self.aborted.filter { task in dropped.contains { $0 === task.unit } })
        }
        let isChanged = self.units.mapValues(ObjectIdentifier.init) != units.mapValues(ObjectIdentifier.init)
        self.units = units
        self.luns = units.keys.compactMap { LUN($0) }.sorted()
        let nexus = self.session.nexus
        for (id, unit) in after {
            if before[id] == nil {
                unit.withUnit { $0.nexusBegan(nexus) }
            } else if isChanged {
                unit.withUnit { $0.lunInventoryChanged(for: nexus.id) }
            }
        }
        let aborted = dropped.map { self.abortTasks(of: $0) }
        for unit in dropped {
            unit.withUnit { $0.nexusEnded(nexus.id) }
        }
        return EventLoopFuture.andAllSucceed(aborted, on: self.session.channel.eventLoop)
    }

    /// One unit may have several LUNs.
    private static func distinct(_ units: [UInt16: ServedUnit]) -> [ObjectIdentifier: ServedUnit] {
        Dictionary(units.values.map { (ObjectIdentifier($0), $0) }) { first, _ in first }
    }

    func unit(_ wire: UInt64) -> ServedUnit? {
        LUN(wire: wire).flatMap { self.units[$0.number] }
    }

    var allUnits: [ServedUnit] {
        Array(Self.distinct(self.units).values)
    }

    var directory: SessionDirectory {
        SessionDirectory(server: self.server, session: self.session)
    }
}
