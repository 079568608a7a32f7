// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What is known of one machine: its last boots, each a timeline.
///
/// The reducer: sights come in, in the order in which the daemon saw them, and the record follows. It decides
/// which boot a sight belongs to. A new one begins when firmware asks for an address again after the last boot has
/// come further than DHCP, or when firmware that is the initiator is heard of after a system has run; a Linux that renews
/// its lease and an iPXE that follows the firmware's own request do not begin one.
package struct MachineStory: Hashable, Sendable, Codable {
    package var mac: String
    /// The client's name in the configuration; nil for a machine that is not in it.
    package var client: String?
    /// The method that the configuration names, which its next boot begins with.
    package var method: String?
    /// The oldest first.
    package var boots: [BootRecord] = []

    package init(mac: String, client: String? = nil) {
        self.mac = mac
        self.client = client
    }

    package mutating func received(_ sight: Sight, at now: Instant) {
        if self.beginsBoot(sight, at: now) {
            var boot = BootRecord(number: (self.boots.last?.number ?? 0) + 1, begun: now)
            boot.method = self.method
            boot.expectsReport = self.boots.last?.hasReported ?? false
            self.boots.append(boot)
            if self.boots.count > Limits.bootsPerMachine { self.boots.removeFirst() }
        }
        let current = self.boots.count - 1
        switch sight {
        case .discover, .offer, .acknowledged, .refused:
            self.boots[current].receivedDHCP(sight, at: now)
        case .transferred, .transferFailed, .script, .unknownMachine:
            self.boots[current].receivedFile(sight, at: now)
        case .login(let facts):
            self.boots[current].loggedIn(facts, as: Party(facts, mac: self.mac), at: now)
        case .loginRefused(let initiator, let reason):
            self.boots[current].note(
                .firmwareLogin, "login refused to \(initiator): \(reason)", at: now, isTrouble: true)
        case .notServed(let reason):
            self.boots[current].note(.firmwareLogin, reason, at: now, isTrouble: true)
        case .up(let times):
            self.boots[current].hasReported = true
            self.boots[current].note(.up, times.words, at: now)
        case .firstRead, .progress, .logout:
            self.boots[current].receivedSession(sight, at: now)
        case .reported(let milestone):
            let words =
                switch milestone {
                case .loginPrompt: "login prompt"
                case .up: "the operating system has started"
                }
            self.boots[current].note(.up, words, at: now)
        }
    }

    private func beginsBoot(_ sight: Sight, at now: Instant) -> Bool {
        guard let current = self.boots.last else { return true }
        if case .login(let facts) = sight {
            // Firmware that is the initiator asks for its address as an operating system does: its login tells it.
            return Party(facts, mac: self.mac).isFirmware && current.hasRunSystem
        }
        if case .loginRefused = sight {
            // A system whose session lives does not log in again: it is the firmware of a machine that was started anew.
            return self.method == "firmware" && current.liveSystemSession != nil
        }
        guard case .discover(let architecture, let isIPXE) = sight else { return false }
        guard architecture != nil || isIPXE else {
            // An operating system, or firmware that is the initiator: after a system's end it is the latter.
            return self.method == "firmware" && current.hasRunSystem && current.liveSystemSession == nil
        }
        let stage = current.stage ?? .discover
        if isIPXE {
            // iPXE asks after the firmware's boot file, and again while its script fails; the latter is another try.
            return stage > .script || (stage == .script && now.seconds(since: current.lastActivity) > 60)
        }
        return stage > .offer || now.seconds(since: current.lastActivity) > 90
    }
}

extension BootRecord {
    fileprivate var hasRunSystem: Bool { self.sessions.contains { $0.party == .linux } }

    mutating func receivedDHCP(_ sight: Sight, at now: Instant) {
        switch sight {
        case .discover(let architecture, let isIPXE):
            if let architecture { self.firmware = self.firmware ?? Self.words(architecture: architecture) }
            let who =
                if isIPXE { "by iPXE" } else if let architecture {
                    "by the firmware, \(Self.words(architecture: architecture))"
                } else if self.method == "firmware", self.sessions.isEmpty {
                    "by the firmware's initiator"
                } else { "by the operating system" }
            self.note(.discover, who, at: now)
        case .offer(let address, let bootFile), .acknowledged(let address, let bootFile):
            self.address = address ?? self.address
            var words = [address, bootFile.map { "boot file \($0)" }].compactMap(\.self).joined(separator: ", ")
            if address == nil, bootFile != nil { words = "as proxy: " + words }
            if words.isEmpty { words = "nothing but the network's parameters" }
            if case .acknowledged = sight { words = "acknowledged: " + words }
            self.note(.offer, words, at: now)
        case .refused(let reason):
            self.note(.offer, "no answer: \(reason)", at: now, isTrouble: true)
        default: break
        }
    }

    mutating func receivedFile(_ sight: Sight, at now: Instant) {
        switch sight {
        case .transferred(let file, let service, let bytes, let seconds):
            let stage = Stage(file: file)
            var words = "\(Self.name(of: file)), \(Quantity.bytes(UInt64(max(bytes, 0)))) by \(service.uppercased())"
            if seconds >= 0.0005 {
                words += " in \(Quantity.seconds(seconds)) (\(Quantity.bytes(UInt64(Double(bytes) / seconds)))/s)"
            }
            self.note(stage, words, at: now)
        case .transferFailed(let file, let reason):
            self.note(Stage(file: file), "\(Self.name(of: file)) failed: \(reason)", at: now, isTrouble: true)
        case .script(let method):
            self.method = method
            self.note(.script, "method \(method)", at: now)
        case .unknownMachine:
            self.note(.script, "not configured: its screen says so", at: now, isTrouble: true)
        default: break
        }
    }

    mutating func loggedIn(_ facts: SessionFacts, as party: Party, at now: Instant) {
        let stage: Stage = party.isFirmware ? .firmwareLogin : .kernelLogin
        let kind = facts.isDiscovery ? "discovery" : "login"
        let proof = facts.hasProvedItself ? ", which CHAP proved" : ""
        self.note(stage, "\(kind) by \(party.words) as \(facts.initiatorName)\(proof)", at: now)
        guard !facts.isDiscovery else { return }
        self.sessions.append(SessionRecord(id: facts.id, party: party, begun: now))
        if self.sessions.count > Limits.sessionsPerBoot { self.sessions.removeFirst() }
    }

    mutating func receivedSession(_ sight: Sight, at now: Instant) {
        switch sight {
        case .firstRead(let id):
            guard let index = self.index(of: id) else { return }
            let party = self.sessions[index].party
            self.sessions[index].lastIO = now
            self.note(party.isFirmware ? .firmwareRead : .kernelRead, "first read by \(party.words)", at: now)
        case .progress(let id, let read, let written, let idle):
            guard let index = self.index(of: id) else { return }
            self.sessions[index].count(read, written)
            self.noteProgress(of: self.sessions[index], at: now)
            if let idle {
                let last = Instant(milliseconds: now.milliseconds - Int64(idle * 1000))
                self.sessions[index].lastIO = max(self.sessions[index].lastIO ?? last, last)
            }
        case .logout(let id, let reason, let read, let written):
            guard let index = self.index(of: id) else { return }
            self.sessions[index].count(read, written)
            self.sessions[index].ended = now
            let party = self.sessions[index].party
            self.note(
                party.isFirmware ? .firmwareRead : .kernelRead,
                "session of \(party.words) ended (\(reason)): \(Quantity.traffic(read, written))", at: now)
        default: break
        }
    }

    /// What the amounts alone tell.
    private mutating func noteProgress(of session: SessionRecord, at now: Instant) {
        let knowsLoader = (self.stage ?? .discover) >= .bootLoader
        let knowsRoot = (self.stage ?? .discover) >= .root
        if session.party.isFirmware, !knowsLoader, session.bytesRead >= Limits.loaderBytes {
            self.note(.bootLoader, "reads kernel and initramfs from the disk", at: now)
        }
        if session.party == .linux, !knowsRoot, session.bytesWritten > 0 {
            // Nothing writes to the disk before its file system is mounted.
            self.note(.root, "first write by the Linux kernel", at: now)
        }
    }

    /// The machine's own folder, which every path of ours begins with, says nothing in its timeline.
    private static func name(of file: String) -> Substring {
        file.split(separator: "/").last ?? file[...]
    }

    private func index(of session: UInt64) -> Int? {
        self.sessions.lastIndex { $0.id == session }
    }

    /// Names of IANA's processor architecture types for PXE and HTTP boot.
    private static func words(architecture: UInt16) -> String {
        switch architecture {
        case 0: "BIOS"
        case 6: "UEFI x86"
        case 7, 9: "UEFI x86-64"
        case 10: "UEFI ARM"
        case 11: "UEFI ARM64"
        case 16: "UEFI x86-64 HTTP"
        case 19: "UEFI ARM64 HTTP"
        default: "architecture \(architecture)"
        }
    }
}

extension BootRecord.SessionRecord {
    fileprivate mutating func count(_ read: UInt64, _ written: UInt64) {
        self.bytesRead = max(self.bytesRead, read)
        self.bytesWritten = max(self.bytesWritten, written)
    }
}
