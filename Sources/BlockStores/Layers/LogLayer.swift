// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block

/// Tells of every request when it is answered: what was asked, and what came of it.
package final class LogLayer: BlockLayer {
    package struct Entry: Sendable {
        package var operation: BlockOperation
        package var ranges: [BlockRange]
        /// Whether it was done on the spot.
        package var inline: Bool
        /// Nil where it went well.
        package var error: BlockError?
    }

    package let below: any BlockStore
    private let report: @Sendable (Entry) -> Void

    /// `report` is called on whichever thread answers.
    package init(_ below: any BlockStore, report: @escaping @Sendable (Entry) -> Void) {
        self.below = below
        self.report = report
    }

    package func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        do {
            let done = try self.below.readNow(range, into: &destination)
            if done { self.report(Entry(operation: .read, ranges: [range], inline: true)) }
            return done
        } catch {
            self.report(Entry(operation: .read, ranges: [range], inline: true, error: error))
            throw error
        }
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        do {
            let done = try self.below.writeNow(range, from: source)
            if done { self.report(Entry(operation: .write, ranges: [range], inline: true)) }
            return done
        } catch {
            self.report(Entry(operation: .write, ranges: [range], inline: true, error: error))
            throw error
        }
    }

    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        let entry = Entry(operation: BlockOperation(request), ranges: request.ranges, inline: false)
        self.below.perform(request) { [report] result in
            var entry = entry
            if case .failure(let error) = result { entry.error = error }
            report(entry)
            completion(result)
        }
    }
}
