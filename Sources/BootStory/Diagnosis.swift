// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Where a boot stands at some moment.
package enum Standing: Hashable, Sendable {
    /// Something was seen of it not long ago.
    case progressing
    /// The operating system's session is alive; whether a prompt shows, nobody has told.
    case running
    /// A login prompt or the operating system itself was heard of.
    case up
    /// Nothing has been seen for longer than the stage takes.
    case stalled(Diagnosis)
    /// The operating system's session has ended.
    case ended
}

/// Why a boot does not go on, as far as the stage that it stopped at tells.
package struct Diagnosis: Hashable, Sendable, Codable {
    /// What should have come next.
    package var awaited: Stage
    package var reason: String
    package var remedy: String
}

extension BootRecord {
    package func standing(at now: Instant) -> Standing {
        if let session = self.liveSystemSession {
            guard self.stage != .up else { return .up }
            // A system that told of its last start that it was up is missed when it does not.
            let isMissed = self.expectsReport && now.seconds(since: session.begun) >= Self.reportPatienceSeconds
            return isMissed ? .stalled(self.diagnosis(after: .root)) : .running
        }
        if self.sessions.contains(where: { $0.party == .linux }) { return .ended }
        let stage = self.stage ?? .discover
        if let refusal, now.seconds(since: refusal.last) >= 5 {
            return .stalled(self.diagnosis(of: refusal))
        }
        let quiet = now.seconds(since: self.lastActivity)
        if let trouble = self.entries.last, trouble.isTrouble, quiet >= 5 {
            return .stalled(self.diagnosis(of: trouble))
        }
        let patience = Self.patience(after: stage)
        return quiet < patience ? .progressing : .stalled(self.diagnosis(after: stage))
    }

    /// What the firmware's initiator was refused with, unless it was let in another time. What firmware tries next, once
    /// its disk has refused it, only hides the cause.
    package var refusal: Entry? {
        self.sessions.isEmpty ? self.entries.last { $0.isTrouble && $0.stage == .firmwareLogin } : nil
    }

    /// How many seconds of silence after a stage are still usual, for a slow (emulated) machine.
    private static func patience(after stage: Stage) -> Double {
        switch stage {
        case .discover: 6
        case .offer: 25
        // iPXE waits up to 13 s for an IPv6 router and 3 s for a proxy before it goes on.
        case .bootFile: 40
        case .script, .kernel, .firmwareLogin: 25
        // The kernel unpacks its initramfs, finds its card and its address.
        case .initramfs, .firmwareRead, .bootLoader: 120
        case .kernelLogin, .kernelRead, .root, .up: 60
        }
    }

    /// How long a system may take from its kernel's login to its report: what a slow machine's services take, and more.
    private static let reportPatienceSeconds = 300.0
}
