// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import NIOCore
internal import Synchronization

/// Limits how many bytes a second, and how many requests a second, reads and writes take together.
///
/// Each request reserves its share of time behind the ones before it, and waits for its turn; a store that has been idle
/// may take a burst of a tenth of a second at once.
package final class RateLayer: BlockLayer {
    /// 0 stands for no limit.
    package struct Limit: Sendable {
        package var bytesPerSecond: UInt64
        package var requestsPerSecond: UInt64

        package init(bytesPerSecond: UInt64 = 0, requestsPerSecond: UInt64 = 0) {
            self.bytesPerSecond = bytesPerSecond
            self.requestsPerSecond = requestsPerSecond
        }

        /// The nanoseconds that a request of `bytes` takes of the time there is.
        func cost(bytes: UInt64) -> UInt64 {
            let second: UInt64 = 1_000_000_000
            // A request has 16 MiB at most, so the product fits.
            let byBytes = self.bytesPerSecond == 0 ? 0 : bytes * second / self.bytesPerSecond
            let byRequests = self.requestsPerSecond == 0 ? 0 : second / self.requestsPerSecond
            return max(byBytes, byRequests)
        }
    }

    package let below: any BlockStore
    private let limit: Limit
    private let loop: any EventLoop
    /// Until when the time has been given away, on the clock of `NIODeadline`.
    private let takenUntil = Mutex<UInt64>(0)

    private static let burstNanoseconds: UInt64 = 100_000_000

    package init(_ below: any BlockStore, limit: Limit, loop: any EventLoop) {
        self.below = below
        self.limit = limit
        self.loop = loop
    }

    package func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        guard self.takeNow(range) else { return false }
        if try self.below.readNow(range, into: &destination) { return true }
        self.giveBack(range)
        return false
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        guard self.takeNow(range) else { return false }
        if try self.below.writeNow(range, from: source) { return true }
        self.giveBack(range)
        return false
    }

    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        let bytes: UInt64
        switch request {
        case .read(let range), .write(let range, _, _), .writeSame(let range, _, _), .compare(let range, _),
            .writeAtomic(let range, _, _), .compareAndWrite(let range, _, _, _):
            bytes = UInt64(self.info.geometry.byteCount(range))
        case .flush, .unmap, .writeZeroes, .extent, .usage, .replaceKey:
            // These move no data; they cost a request.
            bytes = 0
        }
        let turn = self.takenUntil.withLock { taken in
            let now = NIODeadline.now().uptimeNanoseconds
            let turn = max(taken, now - min(now, Self.burstNanoseconds))
            taken = turn + self.limit.cost(bytes: bytes)
            return turn <= now ? nil : NIODeadline.uptimeNanoseconds(turn)
        }
        guard let turn else { return self.below.perform(request, completion: completion) }
        self.loop.scheduleTask(deadline: turn) {
            self.below.perform(request, completion: completion)
        }
    }

    private func takeNow(_ range: BlockRange) -> Bool {
        let cost = self.limit.cost(bytes: UInt64(self.info.geometry.byteCount(range)))
        return self.takenUntil.withLock { taken in
            let now = NIODeadline.now().uptimeNanoseconds
            let turn = max(taken, now - min(now, Self.burstNanoseconds))
            guard turn <= now else { return false }
            taken = turn + cost
            return true
        }
    }

    /// The store below could not do it inline: `perform` will come and pay.
    private func giveBack(_ range: BlockRange) {
        let cost = self.limit.cost(bytes: UInt64(self.info.geometry.byteCount(range)))
        self.takenUntil.withLock { $0 -= min($0, cost) }
    }
}
