// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import ControlAPI
package import Logging
import NIOCore
import Synchronization
import SystemPackage

/// The daemon's log on standard error: one line per message, as text or as JSON.
package struct DaemonLog: LogHandler {
    package enum Format: String, Sendable, CaseIterable {
        case text, json
        /// As systemd's journal takes lines: a severity in front (sd-daemon(3)), no time, which the journal has itself.
        case journal
    }

    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let label: String
    private let format: Format

    package init(label: String, level: Logger.Level, format: Format) {
        self.label = label
        self.logLevel = level
        self.format = format
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let metadata = self.metadata.merging(event.metadata ?? [:]) { _, own in own }
        let fields = metadata.sorted { $0.key < $1.key }
        var line: ByteBuffer
        switch self.format {
        case .text:
            let rest = fields.map { " \($0.key)=\($0.value)" }.joined()
            line = ByteBuffer(string: "\(Instant.now()) \(event.level): \(event.message)\(rest)")
        case .journal:
            let rest = fields.map { " \($0.key)=\($0.value)" }.joined()
            line = ByteBuffer(string: "<\(event.level.syslogSeverity)>\(event.message)\(rest)")
        case .json:
            var members = [
                "time": "\(Instant.now())", "level": "\(event.level)", "message": "\(event.message)",
                "source": self.label,
            ]
            for (key, value) in fields { members[key] = "\(value)" }
            line = (try? JSONText.line(members)) ?? ByteBuffer(string: "{}")
        }
        // A message never spans lines: a peer's words could otherwise pass for a message of ours.
        let printable = line.readableBytesView.map { $0 < 0x20 ? UInt8(ascii: " ") : $0 }
        Self.turn.withLock { _ in
            // A log that cannot be written has nowhere to complain.
            _ = try? FileDescriptor.standardError.writeAll(printable + [UInt8(ascii: "\n")])
        }
    }

    /// Lines of two threads must not mix.
    private static let turn = Mutex<Void>(())
}

extension Logger.Level {
    /// RFC 5424 §6.2.1.
    fileprivate var syslogSeverity: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
