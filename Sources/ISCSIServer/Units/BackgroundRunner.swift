// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Synchronization

/// Runs what a unit does by itself: a sanitize operation, which outlives the command, the session and every reset, or a
/// self-test in the background.
///
/// It keeps to a pace: a medium is sanitized once in its life, and other units share the disk and the processor.
final class BackgroundRunner: Sendable {
    /// What is run, as the unit tells it.
    struct Work: Sendable {
        let next: @Sendable (inout LogicalUnit) -> BackgroundStep?
        let performed: @Sendable (inout LogicalUnit, Result<BlockReply, BlockError>) -> Void
        /// It is over; `done` is to be called when what has to follow is done.
        let end: @Sendable (_ unit: ServedUnit, _ done: @escaping @Sendable () -> Void) -> Void
    }

    private let work: Work
    private let state = Mutex(State())

    private struct State {
        var isStopped = false
        var end: EventLoopFuture<Void>?
    }

    init(_ work: Work) {
        self.work = work
    }

    /// Begins on `loop` what `unit` has been told to do; the future tells when it is over.
    @discardableResult
    func begin(_ unit: ServedUnit, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        self.state.withLock { $0.end = promise.futureResult }
        self.next(unit, loop, promise)
        return promise.futureResult
    }

    private func next(_ unit: ServedUnit, _ loop: any EventLoop, _ promise: EventLoopPromise<Void>) {
        guard !self.state.withLock({ $0.isStopped }) else { return promise.succeed() }
        guard let step = unit.withUnit({ self.work.next(&$0) }) else {
            return self.work.end(unit) { promise.succeed() }
        }
        let begun = NIODeadline.now()
        unit.store.perform(step.request) { result in
            unit.withUnit { self.work.performed(&$0, result) }
            let pause = step.byteCount * 1_000_000_000 / ServerLimits.backgroundBytesPerSecond
            loop.scheduleTask(deadline: begun + .nanoseconds(Int64(pause))) { self.next(unit, loop, promise) }
        }
    }

    /// Stops after the request that the store is doing, before the store is closed.
    func stop() async {
        let end = self.state.withLock { state in
            state.isStopped = true
            return state.end
        }
        try? await end?.get()
    }
}

extension BackgroundRunner.Work {
    static let sanitizing = Self(
        next: { $0.nextSanitizeStep() }, performed: { $0.sanitizePerformed($1) },
        end: { unit, done in
            // The unit may be used when its memory says no more that it is being sanitized.
            guard let change = unit.withUnit({ $0.endSanitizing() }) else { return done() }
            unit.keep(change) { failure in
                unit.withUnit { $0.sanitizeEnded(isKept: failure == nil) }
                done()
            }
        })

    static let selfTest = Self(
        next: { $0.nextSelfTestStep() }, performed: { $0.selfTestPerformed($1) }, end: { _, done in done() })
}

extension ConnectionHandler {
    /// Nothing that came before may reach the medium once it is being written over: the unit's other tasks are aborted,
    /// and their initiators told.
    func sanitize(_ task: PendingTask, isImmediate: Bool) {
        let loop = self.loop
        let unit = task.unit
        let bound = NIOLoopBound((self, task), eventLoop: loop)
        let aborted = self.server.abortTasks(of: unit, except: self.session.id, by: .command)
        let idle = self.live.abortTasks(of: unit, by: .ownCommand, except: task)
        let operation = EventLoopFuture.andAllComplete(aborted + [idle], on: loop).flatMap {
            unit.sanitizeRunner.begin(unit, on: loop)
        }
        guard !isImmediate else { return self.finish(task, CommandResult(status: .good)) }
        operation.whenComplete { _ in
            let task = bound.value.1
            let handler = bound.value.0.owner(of: task)
            guard !task.isAborted, handler.phase != .ended else { return }
            handler.finish(task, unit.withUnit { $0.sanitized() })
            handler.schedulePass()
        }
    }
}
