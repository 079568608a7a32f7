// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import SCSI

/// The units that the session may reach.
extension ConnectionHandler {
    func unit(_ wire: UInt64) -> ServedUnit? {
        LUN(wire: wire).flatMap { self.units[$0.number] }
    }

    var directory: SessionDirectory {
        SessionDirectory(server: self.server, session: self.session)
    }
}
