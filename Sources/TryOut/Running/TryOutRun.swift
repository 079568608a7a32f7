// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory
import ControlAPI
import Model
import Subprocess
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The inner half of a try-out: a daemon and a machine on a network of their own.
package struct TryOutRun: Sendable {
    /// What comes in from all sides; one loop takes it in turn.
    enum Event: Sendable {
        case console([UInt8])
        case story(MachineStory)
        case keys([UInt8])
        case tick
        case machineEnded
        /// The outer half has gone, or its user wants no more.
        case givenUp
    }

    private static let daemonStartSeconds = 20.0

    let options: TryOutOptions
    /// This program's file, which is the daemon, too.
    let program: String

    package init(_ options: TryOutOptions, program: String) {
        self.options = options
        self.program = program
    }

    /// - Returns: The exit status: 0, or that of the command that was to be run.
    package func run() async throws -> Int32 {
        let place = try await Workplace.prepare(self.options)
        return try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask {
                try await self.serve(place)
                return nil
            }
            group.addTask { try await self.tryOut(place) }
            while let status = try await group.next() {
                if let status {
                    // The daemon ends, flushes and is waited for.
                    group.cancelAll()
                    return status
                }
            }
            throw TryOutError(.daemon, "the daemon of the try-out ended")
        }
    }

    /// Runs the daemon until this task is cancelled.
    private func serve(_ place: Workplace) async throws {
        let log = try FileDescriptor.open(
            FilePath(place.daemonLog), .writeOnly, options: [.create, .append, .closeOnExec],
            permissions: [.ownerReadWrite])
        defer { try? log.close() }
        var platform = PlatformOptions()
        platform.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(15))]
        _ = try await Subprocess.run(
            .path(FilePath(self.program)),
            arguments: [
                "serve", "--config", place.configuration, "--state", self.options.stateFolder, "--socket",
                place.socket, "--grace", "2",
            ],
            platformOptions: platform, output: .fileDescriptor(log, closeAfterSpawningProcess: false),
            error: .combinedWithOutput)
        guard !Task.isCancelled else { return }
        throw TryOutError(
            .daemon, "the daemon of the try-out ended: \(place.lastWordsOfDaemon().joined(separator: "; "))")
    }

    private func tryOut(_ place: Workplace) async throws -> Int32 {
        let client = ControlClient(socketPath: place.socket)
        try await self.awaitDaemon(client, place)
        for attempt in 1... {
            switch try await self.attempt(client, place) {
            case .reached(let seconds):
                try await self.showTimeline(client)
                if case .stage(let stage) = self.options.goal {
                    Self.show("\(self.options.client.name) reached \(stage.words) after \(Int(seconds.rounded())) s\n")
                }
                return 0
            case .command(let status):
                // Standard output is the command's own.
                if case .command = self.options.goal { try await self.showTimeline(client, on: .standardError) }
                return Int32(clamping: status)
            case .failed(let reason):
                try await self.showTimeline(client)
                throw TryOutError(.notReached, "\(self.options.client.name): \(reason)")
            case .frozen(let reason):
                guard attempt == 1 else {
                    throw TryOutError(.notReached, "\(self.options.client.name): it froze twice; \(reason)")
                }
                Self.show("the machine froze (\(reason)); QEMU does that once in a while: trying once more\n")
            }
        }
        return 0
    }

    /// Waits for the API, and sees that all that the machine needs is served.
    private func awaitDaemon(_ client: ControlClient, _ place: Workplace) async throws {
        let deadline = Self.now().adding(seconds: Self.daemonStartSeconds)
        while true {
            do {
                let status = try await client.status()
                guard let problem = status.problems.first(where: { $0.severity == .error }) else { return }
                throw TryOutError(.daemon, "\(problem)")
            } catch let error as ControlError {
                guard error.kind == .notRunning, Self.now() < deadline else {
                    throw TryOutError(
                        .daemon,
                        "the daemon of the try-out does not answer: \(error); its last words: "
                            + place.lastWordsOfDaemon().joined(separator: "; "))
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func showTimeline(
        _ client: ControlClient, on output: FileDescriptor = .standardOutput
    ) async throws {
        let report = try await client.timeline(of: self.options.client.name)
        Self.show("\n" + report.story.timeline(at: report.now) + "\n", on: output)
    }

    static func show(_ text: String, on output: FileDescriptor = .standardOutput) {
        // Nobody may be listening any more.
        _ = try? output.writeAll(text.utf8)
    }

    static func now() -> Instant {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}

// MARK: - One start of the machine

extension TryOutRun {
    private func attempt(_ client: ControlClient, _ place: Workplace) async throws -> Attempt.Outcome {
        try await place.prepareMachine(self.options.machine)
        let started = Self.now()
        let (events, source) = AsyncStream.makeStream(of: Event.self)
        let (input, keys) = AsyncStream.makeStream(of: [UInt8].self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.runMachine(place, input: input, source) }
            group.addTask { await self.follow(client, source) }
            group.addTask { await Self.tick(source) }
            group.addTask { await Self.watchLifeline(source) }
            defer {
                group.cancelAll()
                keys.finish()
                source.finish()
            }
            var attempt = Attempt(
                goal: self.options.goal, timeoutSeconds: Double(self.options.timeoutSeconds), started: started)
            let log = try self.openConsoleLog()
            defer { try? log?.close() }
            for await event in events {
                try Task.checkCancellation()
                let effects: [Attempt.Effect]
                switch event {
                case .console(let bytes):
                    try log?.writeAll(bytes)
                    if self.options.goal == .console { _ = try? FileDescriptor.standardOutput.writeAll(bytes) }
                    effects = attempt.received(console: bytes, at: Self.now())
                case .story(let story): effects = attempt.received(story, at: Self.now())
                case .tick: effects = attempt.tick(at: Self.now())
                case .keys(let bytes):
                    keys.yield(bytes)
                    effects = []
                case .machineEnded: effects = attempt.machineEnded(at: Self.now())
                case .givenUp:
                    place.command("quit")
                    // Who leaves a console has seen enough of it.
                    if self.options.goal == .console { return .command(status: 0) }
                    throw TryOutError(.interrupted, "given up: the machine was switched off")
                }
                for effect in effects {
                    if let outcome = await self.perform(effect, client, place, keys) { return outcome }
                }
            }
            throw TryOutError(.notReached, "the machine was lost sight of")
        }
    }

    /// - Returns: How the attempt ended, if it did.
    private func perform(
        _ effect: Attempt.Effect, _ client: ControlClient, _ place: Workplace,
        _ keys: AsyncStream<[UInt8]>.Continuation
    ) async -> Attempt.Outcome? {
        switch effect {
        case .show(let line): if self.showsStages { Self.show(line) }
        case .output(let line): Self.show(line + "\n")
        case .send(let text): keys.yield(Array(text.utf8))
        case .reportLoginPrompt:
            // The timeline is better with it, and nothing is lost without.
            try? await client.report(.loginPrompt, of: self.options.client.name)
        case .pressCtrlAltDelete: place.command("sendkey ctrl-alt-delete")
        case .switchOff: place.command("quit")
        case .end(let outcome): return outcome
        }
        return nil
    }

    /// A command's output and a console are the user's own; stages would be in their way.
    private var showsStages: Bool {
        if case .stage = self.options.goal { true } else { false }
    }

    private func openConsoleLog() throws -> FileDescriptor? {
        guard let path = self.options.consoleLog else { return nil }
        return try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .append, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
    }

    private func runMachine(
        _ place: Workplace, input: AsyncStream<[UInt8]>, _ source: AsyncStream<Event>.Continuation
    ) async throws {
        let command = QEMUCommand(
            machine: self.options.machine, tap: Laboratory.tap, variables: place.variables, monitor: place.monitor)
        _ = try await Subprocess.run(
            .name(QEMUCommand.program), arguments: Arguments(command.arguments), input: .inputWriter,
            output: .sequence, error: .combinedWithOutput
        ) { execution in
            let writing = Task {
                for await bytes in input { _ = try? await execution.standardInputWriter.write(bytes) }
            }
            for try await buffer in execution.standardOutput {
                source.yield(.console(unsafe buffer.withUnsafeBytes { unsafe Array($0) }))
            }
            writing.cancel()
            await writing.value
            try? await execution.standardInputWriter.finish()
        }
        source.yield(.machineEnded)
    }

    /// The daemon's timeline as it grows. It goes on without when the connection breaks: the console is there.
    private func follow(_ client: ControlClient, _ source: AsyncStream<Event>.Continuation) async {
        try? await client.follow(timelineOf: self.options.client.name) { report in
            source.yield(.story(report.story))
            return true
        }
    }

    private static func tick(_ source: AsyncStream<Event>.Continuation) async {
        while (try? await Task.sleep(for: .seconds(1))) != nil { source.yield(.tick) }
    }

    /// What comes from the outer half: keys, and at last the end.
    private static func watchLifeline(_ source: AsyncStream<Event>.Continuation) async {
        while !Task.isCancelled {
            guard let keys = Terminal.keys() else {
                guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return }
                continue
            }
            guard !keys.isEmpty else {
                source.yield(.givenUp)
                return
            }
            source.yield(.keys(keys))
        }
    }
}
