// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory

/// Follows a machine's boot by what the daemon tells and by what its console shows: what is new as lines, and, when the
/// boot does not get to its end, what did not come.
struct StageTracker {
    /// When the machine was switched on; the lines' seconds count from here.
    let started: Instant
    private var boot: BootRecord?
    /// How many entries of that boot have been told, dropped ones included.
    private var told = 0
    private var sights: Set<ConsoleSight> = []
    private(set) var failure: String?

    init(started: Instant) {
        self.started = started
    }

    /// - Returns: A line for each entry that is new.
    mutating func received(_ story: MachineStory) -> [String] {
        guard let boot = story.boots.last, boot.begun >= self.started else { return [] }
        if boot.begun != self.boot?.begun { self.told = 0 }
        self.boot = boot
        let new = boot.entries.suffix(max(0, boot.entries.count + boot.omitted - self.told))
        self.told = boot.entries.count + boot.omitted
        return new.map { $0.line(since: self.started) }
    }

    /// - Returns: A line for a sight that is new.
    mutating func received(_ sight: ConsoleSight, at now: Instant) -> String? {
        guard self.sights.insert(sight).inserted else { return nil }
        let words =
            switch sight {
            case .bootLoader: "GRUB"
            case .kernel: "Linux"
            case .attached(let disk): "initramfs: \(disk)"
            case .loginPrompt: "login prompt"
            case .failure(let words): words
            }
        if case .failure(let words) = sight { self.failure = self.failure ?? words }
        return Self.line(words, isTrouble: self.failure == words, seconds: now.seconds(since: self.started))
    }

    /// In the columns of the timeline's own lines.
    private static func line(_ words: String, isTrouble: Bool, seconds: Double) -> String {
        let tenths = Int(max(0, seconds) * 10)
        let time = "+\(tenths / 10).\(tenths % 10)s"
        let pad = String(repeating: " ", count: max(0, 9 - time.utf8.count))
        return "\(pad)\(time)  \(isTrouble ? "! " : "  ")console         \(words)\n"
    }

    var hasLoginPrompt: Bool { self.sights.contains(.loginPrompt) }

    /// When the firmware's initiator was refused last, unless it was let in after all.
    var refused: Instant? { self.boot?.refusal?.last }

    /// What should have come next when nothing more does, and the likely reason.
    func missing(at now: Instant) -> String {
        if let failure { return "not reached: the login prompt; the console says: \(failure)" }
        guard let boot else { return "not reached: DHCP; the machine asked for nothing" }
        if case .stalled(let diagnosis) = boot.standing(at: now) {
            return "not reached: \(diagnosis.awaited.title); \(diagnosis.reason); \(diagnosis.remedy)"
        }
        let last = boot.stage.map { "; the last stage was \($0.title)" } ?? ""
        return "not reached: the login prompt\(last)"
    }
}
