// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block

/// A store on top of another one, which it changes in one respect.
///
///     initiator ─► LogicalUnit ─► RateLayer ─► LogLayer ─► FileStore
///
/// Layers are for users (a read-only golden image, a limited rate) and for tests (faults, delays, a record of the
/// order). A layer implements what it changes; the rest goes straight to the store below.
package protocol BlockLayer: BlockStore {
    var below: any BlockStore { get }
}

extension BlockLayer {
    package var info: BlockInfo { self.below.info }

    package func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        try self.below.readNow(range, into: &destination)
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        try self.below.writeNow(range, from: source)
    }

    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        self.below.perform(request, completion: completion)
    }

    package func close() throws(BlockError) {
        try self.below.close()
    }
}

/// What a request does to the medium, for layers that treat some kinds differently.
package enum BlockOperation: Sendable, Hashable, CaseIterable {
    case read
    case write
    case flush
    case unmap
    case compare

    package init(_ request: BlockRequest) {
        switch request {
        case .read, .extent, .usage: self = .read
        case .write, .writeAtomic, .writeZeroes, .writeSame, .compareAndWrite, .replaceKey: self = .write
        case .flush: self = .flush
        case .unmap: self = .unmap
        case .compare: self = .compare
        }
    }

    var changesMedium: Bool { self == .write || self == .unmap }
}

extension BlockRequest {
    /// The blocks that the request names.
    var ranges: [BlockRange] {
        switch self {
        case .read(let range), .write(let range, _, _), .writeZeroes(let range, _, _), .writeSame(let range, _, _),
            .writeAtomic(let range, _, _), .compare(let range, _), .compareAndWrite(let range, _, _, _),
            .extent(let range):
            [range]
        case .unmap(let ranges): ranges
        case .flush, .usage, .replaceKey: []
        }
    }
}
