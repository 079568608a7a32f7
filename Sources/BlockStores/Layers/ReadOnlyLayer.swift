// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block

/// Refuses every change, and says so in advance: the store below can be shared as a golden image.
package final class ReadOnlyLayer: BlockLayer {
    package let below: any BlockStore
    package let info: BlockInfo

    package init(_ below: any BlockStore) {
        self.below = below
        var info = below.info
        info.capabilities.insert(.readOnly)
        info.capabilities.subtract([.writeCache, .unmap, .unmapZeroes, .anchors])
        info.maxAtomicBlocks = 0
        self.info = info
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        throw Self.refusal
    }

    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        guard !BlockOperation(request).changesMedium else { return completion(.failure(Self.refusal)) }
        self.below.perform(request, completion: completion)
    }

    private static let refusal = BlockError(.readOnly, "write", reason: "the disk is served read-only")
}
