// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Logging
import Synchronization
import Testing

@testable import BootServer

@Suite("Remarks of the HTTP framework")
struct RemarksTests {
    private struct Recorder: LogHandler {
        final class Lines: Sendable {
            let all = Mutex<[String]>([])
        }

        let lines: Lines
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            self.lines.all.withLock { $0.append("\(event.message)") }
        }
    }

    @Test func `errors are logged until connections are cut off, lesser remarks never`() {
        let lines = Recorder.Lines()
        let ending = RemarksOfServer.Ending()
        let logger = Logger(label: "test") { _ in RemarksOfServer(Recorder(lines: lines), until: ending) }
        logger.error("the first")
        logger.debug("a connection broke off")
        ending.hasCome.store(true, ordering: .relaxed)
        logger.error("cut off")
        #expect(lines.all.withLock { $0 } == ["the first"])
    }
}
