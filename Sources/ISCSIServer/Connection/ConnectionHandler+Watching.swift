// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
import NIOCore

/// What an initiator owes and does not give: an answer to a ping, data that it was asked for.
extension ConnectionHandler {
    /// Silence after which the initiator is pinged, nil for never.
    private var pingInterval: TimeAmount? {
        guard let time = self.live.patience.pingMilliseconds else { return self.server.times.keepAlive }
        return time == 0 ? nil : .milliseconds(Int64(time))
    }

    private var pingAnswerTime: TimeAmount {
        self.live.patience.pingAnswerMilliseconds.map { .milliseconds(Int64($0)) } ?? self.server.times.keepAlive
    }

    private var dataOutTime: TimeAmount {
        self.live.patience.dataOutMilliseconds.map { .milliseconds(Int64($0)) } ?? self.server.times.dataOut
    }

    func watchPeer() {
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        if let interval = self.pingInterval {
            self.keepAlive = self.loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
                bound.value.checkPeer(after: interval)
            }
        }
        // Below level 1 nothing can be asked for again: only who says so has data waited for by the clock.
        let recovers = self.connection.parameters.errorRecoveryLevel > 0
        guard recovers || self.live.patience.dataOutMilliseconds != nil, self.dataOutTime > .zero else { return }
        self.retransmission = self.loop.scheduleRepeatedTask(initialDelay: self.dataOutTime, delay: self.dataOutTime) {
            _ in bound.value.checkDataOut()
        }
    }

    func stopWatchingPeer() {
        self.keepAlive?.cancel()
        self.pingAnswer?.cancel()
        self.retransmission?.cancel()
    }

    /// Pings a silent initiator that knows pings, and gives up on it where it does not answer.
    private func checkPeer(after interval: TimeAmount) {
        guard self.connection.initiatorPings else { return }
        guard NIODeadline.now() - self.lastReceived >= interval, self.pingAnswer == nil else { return }
        self.connection.ping(output: &self.output)
        self.flush()
        // Only a ping that was not answered tells: this side may have been asleep as well.
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.pingAnswer = self.loop.scheduleTask(in: self.pingAnswerTime) {
            let silence = NIODeadline.now() - bound.value.lastReceived
            bound.value.drop(
                reason: "the initiator has not answered for \(silence.nanoseconds / 1_000_000_000) s")
        }
    }

    /// Asks again for data that does not come, and gives up the tasks that it never comes for. At error recovery level 0
    /// the connection ends with the first of them.
    private func checkDataOut() {
        let retries = self.live.patience.dataOutRetries.map { Int($0) } ?? ISCSI.Limits.r2tRetries
        let lost = self.connection.retransmitR2Ts(retries: retries, &self.output)
        if !lost.isEmpty, self.connection.parameters.errorRecoveryLevel == 0 {
            return self.drop(reason: "data that the initiator was asked for has not come")
        }
        for tag in lost {
            guard let task = self.pending[tag] else { continue }
            self.endLost(task)
        }
        self.flush()
    }
}
