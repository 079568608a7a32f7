// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI

/// What one connection's initiator may discover.
struct SessionDirectory: TargetDirectory {
    let server: ISCSIServer
    let session: Session

    func targets(named name: String?) -> [DiscoveredTarget] {
        self.server.discover(by: self.session, named: name)
    }
}
