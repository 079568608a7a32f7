// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import NIOCore

/// Answers every request late, as a slow medium does. Nothing is done inline.
package final class DelayLayer: BlockLayer {
    package let below: any BlockStore
    private let delays: [BlockOperation: TimeAmount]
    private let loop: any EventLoop

    /// Requests of the operations named wait on `loop` before the store below gets them.
    package init(_ below: any BlockStore, delays: [BlockOperation: TimeAmount], loop: any EventLoop) {
        self.below = below
        self.delays = delays
        self.loop = loop
    }

    package func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        guard self.delays[.read] == nil else { return false }
        return try self.below.readNow(range, into: &destination)
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        guard self.delays[.write] == nil else { return false }
        return try self.below.writeNow(range, from: source)
    }

    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        guard let delay = self.delays[BlockOperation(request)] else {
            return self.below.perform(request, completion: completion)
        }
        self.loop.scheduleTask(in: delay) {
            self.below.perform(request, completion: completion)
        }
    }
}
