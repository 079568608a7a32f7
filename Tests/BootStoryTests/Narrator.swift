// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory

/// A machine whose story is told in seconds from its first sight.
struct Narrator {
    /// 2026-11-22 15:46:03 UTC.
    static let start: Int64 = 1_795_362_363_000
    var story = MachineStory(mac: "52:54:00:12:34:50", client: "pc1")

    mutating func at(_ seconds: Double, _ sight: Sight) {
        self.story.received(sight, at: Self.instant(seconds))
    }

    static func instant(_ seconds: Double) -> Instant {
        Instant(milliseconds: Self.start + Int64(seconds * 1000))
    }

    func timeline(_ seconds: Double) -> String {
        self.story.timeline(at: Self.instant(seconds))
    }
}

func ipxe(_ id: UInt64) -> SessionFacts {
    SessionFacts(
        id: id, initiatorName: "iqn.2026-11.org.apus:pc1.initiator", isid: "4000272389cc", immediateData: false,
        remoteAddress: "10.77.0.52:38675")
}

func linux(_ id: UInt64, isDiscovery: Bool = false) -> SessionFacts {
    SessionFacts(
        id: id, initiatorName: "iqn.2026-11.org.apus:pc1.initiator", initiatorAlias: "localhost", isid: "00023d000001",
        isDiscovery: isDiscovery, immediateData: true, remoteAddress: "10.77.0.52:55748")
}
