// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

extension MachineStory {
    /// What `apus timeline` shows: the last boot, and where it stands at `now`.
    package func timeline(at now: Instant) -> String {
        guard let boot = self.boots.last else {
            return "\(self.title)\n  nothing has been seen of it yet\n"
        }
        return self.header(of: boot) + boot.entries.map { $0.line(since: boot.begun) }.joined()
            + boot.standingLine(at: now)
    }

    /// A boot that is over.
    package func timeline(ofPast boot: BootRecord) -> String {
        self.header(of: boot) + boot.entries.map { $0.line(since: boot.begun) }.joined()
            + "     then   \(boot.outcome)\n"
    }

    /// Name and address.
    package var title: String {
        self.client.map { "\($0)  \(self.mac.isEmpty ? "(not seen yet)" : self.mac)" }
            ?? "\(self.mac)  (not configured)"
    }

    package func header(of boot: BootRecord) -> String {
        let facts = [boot.firmware, boot.method].compactMap(\.self).joined(separator: ", ")
        let omitted = boot.omitted > 0 ? "  (\(boot.omitted) lines left out in the middle)\n" : ""
        return "\(self.title)  boot \(boot.number) of \(boot.begun)\(facts.isEmpty ? "" : "  \(facts)")\n\(omitted)"
    }
}

extension BootRecord.Entry {
    /// `  +12.3s  DHCP offer      10.77.0.52, boot file snponly.efi`.
    package func line(since begun: Instant) -> String {
        let time = "+" + Self.tenths(self.at.seconds(since: begun)) + "s"
        let pad = String(repeating: " ", count: max(0, 9 - time.utf8.count))
        let title = self.stage.title + String(repeating: " ", count: max(0, 15 - self.stage.title.utf8.count))
        let times = self.count > 1 ? "  (\(self.count) times)" : ""
        return "\(pad)\(time)  \(self.isTrouble ? "! " : "  ")\(title) \(self.text)\(times)\n"
    }

    private static func tenths(_ seconds: Double) -> String {
        let tenths = Int64((seconds * 10).rounded())
        return "\(tenths / 10).\(abs(tenths % 10))"
    }
}

extension BootRecord {
    /// The timeline's last line.
    package func standingLine(at now: Instant) -> String {
        let traffic = Quantity.traffic(self.bytesRead, self.bytesWritten)
        let quiet = Quantity.seconds(now.seconds(since: self.lastActivity))
        switch self.standing(at: now) {
        case .progressing:
            return "     now    booting, \(traffic), last seen \(quiet) ago\n"
        case .running:
            return "     now    running, \(traffic), last I/O \(quiet) ago\n"
        case .up:
            return "     now    up, \(traffic), last I/O \(quiet) ago\n"
        case .ended:
            return "     now    ended, \(traffic), last seen \(quiet) ago\n"
        case .stalled(let diagnosis):
            return "     now    stopped before \(diagnosis.awaited.title), last seen \(quiet) ago, \(traffic)\n"
                + "            likely: \(diagnosis.reason)\n            do: \(diagnosis.remedy)\n"
        }
    }
}

extension Standing {
    /// In one word, for lists.
    package var words: String {
        switch self {
        case .progressing: "booting"
        case .running: "running"
        case .up: "up"
        case .stalled(let diagnosis): "stopped before \(diagnosis.awaited.title)"
        case .ended: "ended"
        }
    }
}
