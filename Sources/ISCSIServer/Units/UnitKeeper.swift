// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore
import NIOPosix
package import SCSI
import Synchronization

/// Where a unit's memory is kept, and what it was when the unit was opened.
package struct UnitKeeper: Sendable {
    let memory: UnitMemory
    /// Brings a memory to stable storage, in one piece; may wait for it.
    let keep: @Sendable (UnitMemory) throws -> Void

    /// - Parameters:
    ///   - serial: the unit's; the content of another unit's is not looked at.
    ///   - content: what `write` was given last, nil where it never was.
    ///   - write: makes a content the one that is there after a power cut.
    package init(
        serial: String, content: ByteBuffer?, write: @escaping @Sendable (ByteBuffer) throws -> Void
    ) throws(UnitMemoryFlaw) {
        self.memory =
            try content.map { content throws(UnitMemoryFlaw) in
                try UnitMemory.read(content, ofUnit: serial)
            } ?? UnitMemory()
        self.keep = { try write($0.text(ofUnit: serial)) }
    }
}

/// The changes of a unit's memory on their way to stable storage: one is written at a time, and those that come
/// meanwhile are written together by the next write, as the newest holds all others.
final class MemoryQueue: Sendable {
    /// Why the change was not kept, nil where it was.
    typealias Completion = @Sendable (_ failure: String?) -> Void

    private struct Waiting {
        var change: MemoryChange
        var completion: Completion
    }

    private struct State {
        var isWriting = false
        var waiting: [Waiting] = []
    }

    private let keep: @Sendable (UnitMemory) throws -> Void
    private let state = Mutex(State())

    init(_ keeper: UnitKeeper) {
        self.keep = keeper.keep
    }

    /// Keeps `change` and settles it with `unit`; `completion` comes on any thread.
    func add(_ change: MemoryChange, of unit: ServedUnit, completion: @escaping Completion) {
        let begins = self.state.withLock { state in
            state.waiting.append(Waiting(change: change, completion: completion))
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins { self.write(unit) }
    }

    private func write(_ unit: ServedUnit) {
        NIOThreadPool.singleton.submit { _ in
            while let batch = self.next() {
                self.write(batch, unit)
            }
        }
    }

    /// What has come since the last write; nil, which ends the writing, when nothing has.
    private func next() -> [Waiting]? {
        self.state.withLock { state in
            state.isWriting = !state.waiting.isEmpty
            defer { state.waiting = [] }
            return state.isWriting ? state.waiting : nil
        }
    }

    private func write(_ batch: [Waiting], _ unit: ServedUnit) {
        // The newest is the one of the highest number: they need not have come in order.
        let open = batch.filter { waiting in unit.withUnit { $0.standing(of: waiting.change) == .open } }
        var failure = "an earlier change of the unit's memory could not be written"
        if let newest = open.map(\.change).max(by: { $0.number < $1.number }) {
            do {
                try self.keep(newest.memory)
                unit.withUnit { $0.settle(newest, isKept: true) }
            } catch {
                failure = "\(error)"
                unit.withUnit { $0.settle(newest, isKept: false) }
            }
        }
        for waiting in batch {
            let isKept = unit.withUnit { $0.standing(of: waiting.change) == .kept }
            waiting.completion(isKept ? nil : failure)
        }
    }
}
