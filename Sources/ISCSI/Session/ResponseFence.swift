// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import Wire

/// The order among the responses of a session's connections, where TaskReporting asks for one (RFC 7143 §4.2.2.3).
///
/// Responses that travel on several connections may overtake each other. One that says something of other tasks (that
/// they have been aborted, that an ACA has been established) must neither overtake those before it nor be overtaken:
///
///     open ──fenced response──► draining ──all statuses before it are acknowledged──► sent ──it is, too──► open
///
/// Until it is open again, the statuses that come wait in turn, and their tasks keep their places in the command window,
/// which bounds how many wait. A fence is one for the whole session: the standard asks for one of each logical unit, and
/// they are rare and short. A session of one connection needs none.
struct ResponseFence: Sendable {
    private var phase = Phase.open
    private var held = CircularBuffer<HeldResponse>()
    /// Of each connection: the StatSN that comes next, and the one before which the initiator has received all.
    private var numbers: [UInt32: Numbers] = [:]
    /// Connections whose initiator is to be pinged, as its answer acknowledges what it has received.
    private var toBePinged: [UInt32] = []

    private enum Phase: Sendable {
        case open
        /// The first of those held waits for what was sent on these connections before their numbers.
        case draining([UInt32: SerialNumber])
        /// It has left, and is acknowledged by `before` on its connection.
        case sent(on: UInt32, before: SerialNumber)
    }

    private struct Numbers: Sendable {
        var next: SerialNumber
        var acknowledged: SerialNumber
    }

    /// Whether responses wait.
    var isClosed: Bool {
        if case .open = self.phase { !self.held.isEmpty } else { true }
    }

    // MARK: - Connections

    mutating func began(_ connection: UInt32, statSN: SerialNumber) {
        self.numbers[connection] = Numbers(next: statSN, acknowledged: statSN)
    }

    /// The connection has ended or failed: nothing is acknowledged on it any more.
    mutating func left(_ connection: UInt32) {
        self.numbers[connection] = nil
    }

    mutating func sent(on connection: UInt32, next: SerialNumber) {
        self.numbers[connection]?.next = next
    }

    /// The initiator has received everything before `expected`.
    mutating func acknowledged(on connection: UInt32, _ expected: SerialNumber) {
        guard let known = self.numbers[connection], known.acknowledged.precedes(expected),
            !known.next.precedes(expected)
        else { return }
        self.numbers[connection]?.acknowledged = expected
    }

    // MARK: - Responses

    /// Whether a response that is about to leave has to wait for its turn.
    func holds(isFenced: Bool) -> Bool {
        self.isClosed || (isFenced && self.numbers.count > 1)
    }

    mutating func hold(_ response: HeldResponse) {
        self.held.append(response)
    }

    /// The next response whose turn has come.
    mutating func takeReady() -> HeldResponse? {
        while true {
            switch self.phase {
            case .open:
                guard let first = self.held.first else { return nil }
                guard first.isFenced, self.numbers.count > 1 else { return self.held.removeFirst() }
                let unacknowledged = self.numbers.filter { $0.value.acknowledged != $0.value.next }
                self.phase = .draining(unacknowledged.mapValues(\.next))
                self.toBePinged += unacknowledged.keys
            case .draining(let awaited):
                guard awaited.allSatisfy({ self.hasAcknowledged($0.key, before: $0.value) }) else { return nil }
                guard let first = self.held.popFirst() else {
                    self.phase = .open
                    return nil
                }
                let number = self.numbers[first.connection]?.next ?? SerialNumber(0)
                self.phase = .sent(on: first.connection, before: number.advanced(by: 1))
                self.toBePinged.append(first.connection)
                return first
            case .sent(let connection, let before):
                guard self.hasAcknowledged(connection, before: before) else { return nil }
                self.phase = .open
            }
        }
    }

    /// Says nothing of a connection that is gone, nor of the last that is left: there is nothing to overtake.
    private func hasAcknowledged(_ connection: UInt32, before number: SerialNumber) -> Bool {
        guard let numbers = self.numbers[connection], self.numbers.count > 1 else { return true }
        return !numbers.acknowledged.precedes(number)
    }

    /// Takes out the responses of a connection that has ended.
    mutating func takeHeld(of connection: UInt32) -> [HeldResponse] {
        let taken = Array(self.held.filter { $0.connection == connection })
        // Whoever waited for the first of them waits for the next, or for nobody.
        if case .draining = self.phase, self.held.first?.connection == connection { self.phase = .open }
        self.held.removeAll { $0.connection == connection }
        return taken
    }

    /// How many responses wait.
    var count: Int { self.held.count }

    func holdsResponse(of connection: UInt32) -> Bool {
        self.held.contains { $0.connection == connection }
    }

    mutating func takeConnectionsToPing() -> [UInt32] {
        guard !self.toBePinged.isEmpty else { return [] }
        defer { self.toBePinged = [] }
        return self.toBePinged
    }
}

/// A response that waits for its turn, but for its numbers.
package struct HeldResponse: Sendable {
    package let connection: UInt32
    var header: BasicHeaderSegment
    var data: ByteBuffer
    /// Whether it overtakes none and is not overtaken.
    var isFenced: Bool
}

extension TargetSession {
    /// The next response whose turn has come; it is to be given to its connection (`send`).
    package func takeReadyResponse() -> HeldResponse? {
        guard self.fencesResponses, let response = self.fence.takeReady() else { return nil }
        self.window.taskEnded()
        return response
    }

    /// The numbers of connections to ping, whose answers acknowledge what others wait for.
    package func takeConnectionsToPing() -> [UInt32] {
        self.fencesResponses ? self.fence.takeConnectionsToPing() : []
    }

    /// Whether a response of the connection is still to be sent.
    package func holdsResponse(of connection: UInt32) -> Bool {
        self.fencesResponses && self.fence.holdsResponse(of: connection)
    }

    /// A connection has ended, or failed and may be recovered: nobody waits for it.
    package func connectionFailed(_ connection: UInt32, hasEnded: Bool) {
        guard self.fencesResponses else { return }
        self.fence.left(connection)
        guard hasEnded else { return }
        for _ in self.fence.takeHeld(of: connection) { self.window.taskEnded() }
    }

    fileprivate func hold(_ response: HeldResponse) {
        self.fence.hold(response)
        self.window.taskBegan()
    }
}

extension TargetConnection {
    /// Writes a response, or holds it until its turn comes.
    mutating func writeInOrder(
        _ header: inout BasicHeaderSegment, data: ByteBuffer = ByteBuffer(), isFenced: Bool,
        _ output: inout ByteBuffer
    ) {
        guard self.session.fencesResponses, self.session.fence.holds(isFenced: isFenced) else {
            return self.writeNumbered(&header, data: data, &output)
        }
        self.session.hold(HeldResponse(connection: self.number, header: header, data: data, isFenced: isFenced))
    }

    /// Writes a response whose turn has come.
    package mutating func send(_ response: consuming HeldResponse, output: inout ByteBuffer) {
        self.writeNumbered(&response.header, data: response.data, &output)
    }
}
