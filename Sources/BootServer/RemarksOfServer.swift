// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Logging
import Synchronization

/// What the HTTP framework remarks, until its connections are cut off: that they were is no error of theirs.
struct RemarksOfServer: LogHandler {
    /// Whether connections have been cut off.
    final class Ending: Sendable {
        let hasCome = Atomic(false)
    }

    private var handler: any LogHandler
    private let ending: Ending

    init(_ handler: any LogHandler, until ending: Ending) {
        self.handler = handler
        self.ending = ending
        // One line for each connection that breaks off is not for the log.
        self.handler.logLevel = max(handler.logLevel, .error)
    }

    var logLevel: Logger.Level {
        get { self.handler.logLevel }
        set { self.handler.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { self.handler.metadata }
        set { self.handler.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.handler[metadataKey: key] }
        set { self.handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        guard !self.ending.hasCome.load(ordering: .relaxed) else { return }
        self.handler.log(event: event)
    }
}
