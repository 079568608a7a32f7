// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import NIOCore
import Synchronization
import Testing

/// A ramdisk that does as it is told: refuses to answer at once, keeps requests until they are released, fails.
///
/// It watches the contract of a store too: every request is answered once, and none comes after `close`.
final class ScriptedStore: BlockStore {
    let info: BlockInfo
    private let disk: RAMStore
    private let state = Mutex(State())
    private let arrivals: AsyncStream<BlockRequest>
    private let arrived: AsyncStream<BlockRequest>.Continuation

    private struct State {
        var isWaiting = false
        var isHolding = false
        var failure: BlockError?
        var held: [Held] = []
        var isClosed = false
        var requests: [BlockRequest] = []
        var fetchedBytes = 0
    }

    private struct Held {
        var request: BlockRequest
        var completion: @Sendable (Result<BlockReply, BlockError>) -> Void
    }

    /// - Parameter waits: whether `readNow` and `writeNow` never answer at once.
    init(blockCount: UInt64 = 65_536, blockSize: Int = 512, waits: Bool = false) throws {
        self.disk = try RAMStore(size: blockCount * UInt64(blockSize), blockSize: blockSize)
        var info = self.disk.info
        info.capabilities.insert(.writeCache)
        self.info = info
        (self.arrivals, self.arrived) = AsyncStream.makeStream()
        self.state.withLock { $0.isWaiting = waits }
    }

    // MARK: - The script

    /// From now on requests are kept until `release`.
    func hold() {
        self.state.withLock {
            $0.isWaiting = true
            $0.isHolding = true
        }
    }

    /// Answers what was kept, and from now on everything that comes.
    func release() {
        let held = self.state.withLock { state in
            state.isHolding = false
            defer { state.held = [] }
            return state.held
        }
        for request in held { self.answer(request) }
    }

    /// From now on every request fails.
    func fail(_ error: BlockError) {
        self.state.withLock { $0.failure = error }
    }

    /// Waits for the next request that could not be answered at once.
    func nextRequest() async -> BlockRequest? {
        for await request in self.arrivals { return request }
        return nil
    }

    var requests: [BlockRequest] {
        self.state.withLock { $0.requests }
    }

    /// Bytes that were read from the store at once.
    var fetchedBytes: Int {
        self.state.withLock { $0.fetchedBytes }
    }

    var heldCount: Int {
        self.state.withLock { $0.held.count }
    }

    var isClosed: Bool {
        self.state.withLock { $0.isClosed }
    }

    /// What is stored, read past the script.
    func content(_ range: BlockRange) throws -> [UInt8] {
        var buffer = ByteBuffer()
        try buffer.writeWithOutputRawSpan(minimumWritableBytes: self.info.geometry.byteCount(range)) {
            span throws(BlockError) in
            _ = try self.disk.readNow(range, into: &span)
        }
        return Array(buffer.readableBytesView)
    }

    func fill(_ range: BlockRange, with bytes: [UInt8]) throws {
        _ = try self.disk.writeNow(range, from: ByteBuffer(bytes: bytes).readableBytesSpan)
    }

    // MARK: - BlockStore

    func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        guard try self.mayAnswerNow() else { return false }
        self.state.withLock { $0.fetchedBytes += self.info.geometry.byteCount(range) }
        return try self.disk.readNow(range, into: &destination)
    }

    func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        guard try self.mayAnswerNow() else { return false }
        return try self.disk.writeNow(range, from: source)
    }

    private func mayAnswerNow() throws(BlockError) -> Bool {
        let (isWaiting, failure) = self.state.withLock {
            #expect(!$0.isClosed, "the store is used after it was closed")
            return ($0.isWaiting, $0.failure)
        }
        if let failure, !isWaiting { throw failure }
        return !isWaiting
    }

    func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        let held = Held(request: request, completion: completion)
        let isHeld = self.state.withLock { state in
            #expect(!state.isClosed, "the store is used after it was closed")
            state.requests.append(request)
            if state.isHolding { state.held.append(held) }
            return state.isHolding
        }
        self.arrived.yield(request)
        if !isHeld { self.answer(held) }
    }

    private func answer(_ held: Held) {
        if let failure = self.state.withLock({ $0.failure }) { return held.completion(.failure(failure)) }
        self.disk.perform(held.request, completion: held.completion)
    }

    func close() throws(BlockError) {
        self.state.withLock {
            #expect($0.held.isEmpty, "the store is closed while requests are under way")
            $0.isClosed = true
        }
    }
}
