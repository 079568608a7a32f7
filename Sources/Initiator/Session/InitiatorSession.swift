// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ISCSI
package import NIOCore

/// A session for one who asks for one thing at a time, or for a few: commands as calls that wait for their end.
package final class InitiatorSession: Sendable {
    private let channel: any Channel
    private let driver: NIOLoopBound<CommandDriver>
    package let url: TargetURL

    private init(_ channel: any Channel, _ driver: NIOLoopBound<CommandDriver>, _ url: TargetURL) {
        self.channel = channel
        self.driver = driver
        self.url = url
    }

    /// Logs in, and follows the target where it sends us.
    ///
    /// - Parameter depth: commands that may be under way at once; more wait for their turn.
    package static func open(
        _ url: TargetURL, options: InitiatorOptions = InitiatorOptions(), depth: Int = 16,
        group: any EventLoopGroup
    ) async throws -> InitiatorSession {
        let connector = Connector(options: options, group: group)
        var url = url
        for _ in 0...InitiatorLimits.redirections {
            let loop = group.next()
            let driver = try await loop.submit { NIOLoopBound(CommandDriver(loop), eventLoop: loop) }.get()
            do {
                let channel = try await connector.open(url, qualifier: 0, depth: depth, on: loop) { driver.value }
                    .flatMapErrorThrowing { error in
                        driver.value.closed(error as? InitiatorError)
                        throw error
                    }.get()
                try await loop.flatSubmit { driver.value.began.futureResult }.get()
                return InitiatorSession(channel, driver, url)
            } catch let error as InitiatorError {
                guard case .login(.moved(let address)) = error.kind,
                    let next = try? TargetURL("iscsi://" + address.prefix { $0 != "," })
                else { throw error }
                (url.host, url.port) = (next.host, next.port)
            }
        }
        throw InitiatorError(.login(.violation("it sends us in a circle")), url.shown)
    }

    /// Sends a command and returns the data that it brought; `what` says it in the error.
    func execute(_ command: InitiatorCommand, _ what: String) async throws -> ByteBuffer {
        var attentions = 0
        var busyAnswers = 0
        while true {
            let (data, ending) = try await self.driver.eventLoop.flatSubmit {
                self.driver.value.submit(command)
            }.get()
            if ending.isGood { return data }
            if ending.isBusy, busyAnswers < InitiatorLimits.busyTries {
                busyAnswers += 1
                try await Task.sleep(for: InitiatorLimits.busyPause)
                continue
            }
            // A new nexus is told what it may have missed; that ends one command each, which is then sent again.
            attentions += 1
            guard SenseSummary(ending.sense)?.key == SenseSummary.unitAttention,
                attentions <= InitiatorLimits.unitAttentions
            else { throw InitiatorError(ending, "\(self.url.shown): \(what)") }
        }
    }

    /// The targets of a discovery session, with their addresses as `host:port,group`.
    package func discover() async throws -> [(name: String, addresses: [String])] {
        let text = try await self.driver.eventLoop.flatSubmit { self.driver.value.sendTargets() }.get()
        var targets: [(name: String, addresses: [String])] = []
        for pair in (try? KeyValueText.parse(text)) ?? [] {
            switch pair.key {
            case "TargetName": targets.append((pair.value, []))
            case "TargetAddress" where !targets.isEmpty: targets[targets.count - 1].addresses.append(pair.value)
            default: break
            }
        }
        return targets
    }

    /// Logs out and waits for the connection's end.
    package func close() async {
        try? await self.driver.eventLoop.submit { self.driver.value.logOut() }.get()
        try? await self.channel.closeFuture.get()
    }
}

/// Keeps, for each task, who waits for it.
final class CommandDriver: InitiatorDriver {
    private struct Waiting {
        var command: InitiatorCommand
        var promise: EventLoopPromise<(ByteBuffer, TaskEnding)>
        var data = ByteBuffer()
    }

    private let loop: any EventLoop
    let began: EventLoopPromise<Void>
    private var handler: InitiatorHandler<CommandDriver>?
    private var tasks: [Int: Waiting] = [:]
    private var queue = CircularBuffer<Waiting>()
    private var text = ByteBuffer()
    private var textPromise: EventLoopPromise<ByteBuffer>?
    private var end: InitiatorError?
    private var deadline: Scheduled<Void>?

    init(_ loop: any EventLoop) {
        self.loop = loop
        self.began = loop.makePromise()
    }

    func submit(_ command: InitiatorCommand) -> EventLoopFuture<(ByteBuffer, TaskEnding)> {
        if let end { return self.loop.makeFailedFuture(end) }
        let promise = self.loop.makePromise(of: (ByteBuffer, TaskEnding).self)
        self.queue.append(Waiting(command: command, promise: promise))
        self.sendQueued()
        self.handler?.flush()
        return promise.futureResult
    }

    func sendTargets() -> EventLoopFuture<ByteBuffer> {
        if let end { return self.loop.makeFailedFuture(end) }
        let promise = self.loop.makePromise(of: ByteBuffer.self)
        self.textPromise = promise
        self.handler?.sendText([KeyValue("SendTargets", "All")])
        self.handler?.flush()
        return promise.futureResult
    }

    func logOut() {
        self.handler?.logOut()
    }

    private func sendQueued() {
        guard let handler else { return }
        while handler.canSend, let waiting = self.queue.popFirst() {
            self.tasks[handler.send(waiting.command)] = waiting
        }
        self.watch()
    }

    /// Sets the clock by which something has to come.
    private func watch() {
        self.deadline?.cancel()
        guard !self.tasks.isEmpty else { return }
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.deadline = self.loop.scheduleTask(in: InitiatorLimits.commandTime) {
            bound.value.handler?.fail(
                InitiatorError(.disconnected, "the target has not answered a command for a minute"))
        }
    }

    // MARK: - InitiatorDriver

    func began(_ handler: InitiatorHandler<CommandDriver>) {
        self.handler = handler
        self.began.succeed()
    }

    func received(_ data: ByteBuffer, offset: Int, task: Int) {
        if offset == 0 {
            self.tasks[task]?.data = data
        } else {
            self.tasks[task]?.data.writeImmutableBuffer(data)
        }
    }

    func ended(_ task: Int, _ ending: TaskEnding) {
        guard let waiting = self.tasks.removeValue(forKey: task) else { return }
        waiting.promise.succeed((waiting.data, ending))
    }

    func received(text: ByteBuffer, isFinal: Bool) {
        self.text.writeImmutableBuffer(text)
        if isFinal || self.text.readableBytes > InitiatorLimits.textBytes {
            self.textPromise?.succeed(self.text)
            self.textPromise = nil
        } else {
            self.handler?.sendText([])
        }
    }

    func passEnded(_ handler: InitiatorHandler<CommandDriver>) {
        self.sendQueued()
    }

    func closed(_ error: InitiatorError?) {
        let error = error ?? InitiatorError(.disconnected, "the session has been closed")
        self.end = error
        self.handler = nil
        self.deadline?.cancel()
        self.began.fail(error)
        for waiting in self.tasks.values { waiting.promise.fail(error) }
        for waiting in self.queue { waiting.promise.fail(error) }
        self.textPromise?.fail(error)
        self.tasks = [:]
        self.queue = []
    }
}

@available(*, unavailable)
extension CommandDriver: Sendable {}
