// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
package import ControlAPI
import ISCSIServer

/// Those who listen to the daemon's events.
struct EventListeners {
    private(set) var lines: [Int: AsyncStream<EventReport?>.Continuation] = [:]
    private var nextListener = 0
    private var nextEvent = 1

    mutating func add(_ line: AsyncStream<EventReport?>.Continuation) -> Int {
        self.nextListener += 1
        self.lines[self.nextListener] = line
        return self.nextListener
    }

    mutating func remove(_ id: Int) {
        self.lines[id] = nil
    }

    mutating func tell(_ kind: EventReport.Kind, _ subject: String, _ words: String, at now: Instant) {
        let event = EventReport(id: self.nextEvent, at: now, kind: kind, subject: subject, words: words)
        self.nextEvent += 1
        for line in self.lines.values { line.yield(event) }
    }

    /// Something to send, so that a listener that has gone is noticed.
    func ping() {
        for line in self.lines.values { line.yield(nil) }
    }

    func finish() {
        for line in self.lines.values { line.finish() }
    }
}

extension Daemon {
    /// What happens from now on; nil now and then where nothing does. A listener too slow to keep up loses the oldest.
    package func listen() throws(StoryFailure) -> AsyncStream<EventReport?> {
        guard self.listeners.lines.count < Limits.followers else { throw .tooManyFollowers }
        let (stream, line) = AsyncStream.makeStream(
            of: EventReport?.self, bufferingPolicy: .bufferingNewest(Limits.eventsPerListener))
        let id = self.listeners.add(line)
        line.onTermination = { [weak self] _ in
            Task { await self?.removeListener(id) }
        }
        // The first thing to send, so that a listener knows that it is heard from here on.
        line.yield(nil)
        return stream
    }

    private func removeListener(_ id: Int) {
        self.listeners.remove(id)
    }

    func tellListeners(of event: SessionEvent, at now: Instant) {
        switch event {
        case .loggedIn(let session):
            let words = "\(session.remoteAddress) logged in \(session.errand)"
            self.listeners.tell(.login, session.initiatorName, words, at: now)
        case .loginRefused(let initiator, let target, let remote, let reason):
            self.listeners.tell(.refused, initiator, "\(remote) to \(target): \(reason)", at: now)
        case .loggedOut(let session, let reason):
            let words = "\(session.remoteAddress) is gone (\(reason)), logged in \(session.errand)"
            self.listeners.tell(.logout, session.initiatorName, words, at: now)
        case .firstRead: break
        }
    }
}
