// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import Model

extension StatusReport {
    /// What `apus status` shows.
    package var text: String {
        var lines = [
            "\(self.version), process \(self.processID), up \(Quantity.seconds(self.now.seconds(since: self.started)))",
            "configuration \(self.configurationPath), version \(self.generation)",
        ]
        if let api { lines.append("API at \(api.words)") }
        if let boot {
            lines.append(
                "boot services on \(boot.interface), \(boot.address): DHCP \(boot.dhcp), TFTP \(boot.tftpPort), "
                    + "HTTP \(boot.httpPort)")
        }
        lines.append("portals: \(self.portals.isEmpty ? "none" : self.portals.joined(separator: ", "))")
        lines += self.section("machines", self.machines.flatMap { self.lines(of: $0) })
        lines += self.section("targets", self.targets.flatMap { self.lines(of: $0) })
        lines += self.section("sessions", self.sessions.flatMap { self.lines(of: $0) })
        lines += self.section("problems", self.problems.map { "\($0.severity.rawValue): \($0)" })
        return lines.joined(separator: "\n") + "\n"
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : ["", title] + lines.map { "  " + $0 }
    }

    private func lines(of machine: MachineStatus) -> [String] {
        var line = "\(machine.client)  \(machine.mac)  \(machine.source)  \(machine.method)  "
        line += machine.standing ?? "not seen"
        if machine.standing == Standing.progressing.words, let stage = machine.stage { line += " (\(stage.title))" }
        if let lastSeen = machine.lastSeen {
            line += ", last seen \(Quantity.seconds(self.now.seconds(since: lastSeen))) ago"
        }
        guard let diagnosis = machine.diagnosis else { return [line] }
        return [line, "  likely: \(diagnosis.reason)", "  do: \(diagnosis.remedy)"]
    }

    private func lines(of target: TargetStatus) -> [String] {
        let access = target.initiators.map { $0.isEmpty ? "nobody may log in" : "for \($0.joined(separator: ", "))" }
        return ["\(target.name)  \(access ?? "for everybody")"]
            + target.luns.map {
                "  LUN \($0.lun)  \(Quantity.bytes($0.bytes))\($0.isReadOnly ? ", read-only" : "")  \($0.medium)"
                    + Self.latencies($0.reads, $0.writes).map { "\n      \($0)" }.joined()
            }
    }

    private func lines(of session: SessionStatus) -> [String] {
        let parameters = session.parameters.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }
        return [self.line(of: session)] + (parameters.isEmpty ? [] : ["  " + parameters.joined(separator: " ")])
            + Self.latencies(session.reads, session.writes).map { "  \($0)" }
    }

    private static func latencies(_ reads: LatencyStatus?, _ writes: LatencyStatus?) -> [String] {
        [reads?.words("read"), writes?.words("write")].compactMap(\.self)
    }

    private func line(of session: SessionStatus) -> String {
        var line = "\(session.initiator) at \(session.remoteAddress)"
        guard !session.isDiscovery else { return line + ": discovery" }
        line += " on \(session.target): \(session.commands) commands, "
        line += Quantity.traffic(session.bytesRead, session.bytesWritten)
        if let commands = session.commandsPerSecond, commands > 0 {
            let read = Quantity.bytes(UInt64(session.bytesReadPerSecond ?? 0))
            let written = Quantity.bytes(UInt64(session.bytesWrittenPerSecond ?? 0))
            line += "; now \(UInt64(commands)) commands/s, \(read)/s read, \(written)/s written"
        }
        if let idle = session.idleSeconds { line += ", last I/O \(Quantity.seconds(idle)) ago" }
        return line
    }
}
