// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import Synchronization

/// Fails requests by rules that can be set while it runs: a bad block, a full file system, a flush that lost data.
package final class ErrorLayer: BlockLayer {
    /// Which requests fail, and how.
    package struct Rule: Sendable {
        package var operations: Set<BlockOperation>
        /// Only requests that touch these blocks; nil for all. A flush touches none, so only a rule for all fails it.
        package var blocks: Range<UInt64>?
        package var kind: BlockError.Kind
        /// How many requests fail before the rule is used up; nil for ever.
        package var times: Int?

        package init(
            _ kind: BlockError.Kind, on operations: Set<BlockOperation>, blocks: Range<UInt64>? = nil,
            times: Int? = nil
        ) {
            self.operations = operations
            self.blocks = blocks
            self.kind = kind
            self.times = times
        }
    }

    package let below: any BlockStore
    private let rules: Mutex<[Rule]>

    package init(_ below: any BlockStore, rules: [Rule] = []) {
        self.below = below
        self.rules = Mutex(rules)
    }

    package func setRules(_ rules: [Rule]) {
        self.rules.withLock { $0 = rules }
    }

    package func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        if let error = self.error(for: .read, [range]) { throw error }
        return try self.below.readNow(range, into: &destination)
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        if let error = self.error(for: .write, [range]) { throw error }
        return try self.below.writeNow(range, from: source)
    }

    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        if let error = self.error(for: BlockOperation(request), request.ranges) {
            return completion(.failure(error))
        }
        self.below.perform(request, completion: completion)
    }

    private func error(for operation: BlockOperation, _ ranges: [BlockRange]) -> BlockError? {
        self.rules.withLock { rules in
            guard let index = rules.firstIndex(where: { $0.matches(operation, ranges) }) else { return nil }
            let rule = rules[index]
            if let times = rule.times {
                rules[index].times = times - 1
                if times <= 1 { rules.remove(at: index) }
            }
            return BlockError(rule.kind, "\(operation)", reason: "a fault was asked for")
        }
    }
}

extension ErrorLayer.Rule {
    fileprivate func matches(_ operation: BlockOperation, _ ranges: [BlockRange]) -> Bool {
        guard self.operations.contains(operation) else { return false }
        guard let blocks else { return true }
        return ranges.contains { range in
            range.lba < blocks.upperBound && blocks.lowerBound < range.lba + UInt64(range.count)
        }
    }
}
