// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI
import Synchronization

/// Runs a unit's sanitize operation, which outlives the command, the session and every reset.
///
/// It keeps to a pace: a medium is sanitized once in its life, and other units share the disk and the processor.
final class SanitizeRunner: Sendable {
    private let state = Mutex(State())

    private struct State {
        var isStopped = false
        var end: EventLoopFuture<Void>?
    }

    /// Begins on `loop` what `unit` has been told to do; the future tells when it is over.
    func begin(_ unit: ServedUnit, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        self.state.withLock { $0.end = promise.futureResult }
        self.next(unit, loop, promise)
        return promise.futureResult
    }

    private func next(_ unit: ServedUnit, _ loop: any EventLoop, _ promise: EventLoopPromise<Void>) {
        guard !self.state.withLock({ $0.isStopped }) else { return promise.succeed() }
        guard let step = unit.withUnit({ $0.nextSanitizeStep() }) else { return self.end(unit, promise) }
        let begun = NIODeadline.now()
        unit.store.perform(step.request) { result in
            unit.withUnit { $0.sanitizePerformed(result) }
            let pause = step.writtenBytes * 1_000_000_000 / ServerLimits.sanitizeBytesPerSecond
            loop.scheduleTask(deadline: begun + .nanoseconds(Int64(pause))) { self.next(unit, loop, promise) }
        }
    }

    /// The unit may be used when its memory says no more that it is being sanitized.
    private func end(_ unit: ServedUnit, _ promise: EventLoopPromise<Void>) {
        guard let change = unit.withUnit({ $0.endSanitizing() }) else { return promise.succeed() }
        unit.keep(change) { failure in
            unit.withUnit { $0.sanitizeEnded(isKept: failure == nil) }
            promise.succeed()
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

extension ConnectionHandler {
    /// Nothing that came before may reach the medium once it is being written over: the unit's other tasks are aborted,
    /// and their initiators told.
    func sanitize(_ task: PendingTask, isImmediate: Bool) {
        let loop = self.loop
        let unit = task.unit
        let bound = NIOLoopBound((self, task), eventLoop: loop)
        let aborted = self.server.abortTasks(of: unit, except: self.session.id, areCleared: true)
        let idle = self.live.abortTasks(of: unit, areCleared: true, except: task)
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
