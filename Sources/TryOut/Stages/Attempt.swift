// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootStory

/// One start of a machine, from switching it on to its end: what comes from its console and from the daemon goes in, what
/// is to be shown and done comes out.
///
///     booting ──login prompt──► session (a command is to be run) ──status──► stopping ──machine ended──► outcome
///        │                                                                      ▲
///        ├──login prompt, nothing else to do────────────────────────────────────┤
///        └──failure on the console, refused its disk, time over, no sign of life┘
///
/// A machine that got to its prompt is shut down by Ctrl-Alt-Delete, which init takes as the wish to reboot (QEMU ends
/// instead), so that its disk is left clean. Every other one is switched off.
struct Attempt {
    enum Effect: Hashable {
        case show(String)
        /// A line of the output of the command that was to be run.
        case output(String)
        case send(String)
        case reportLoginPrompt
        case pressCtrlAltDelete
        case switchOff
        case end(Outcome)
    }

    enum Outcome: Hashable {
        case reached(afterSeconds: Double)
        case command(status: Int)
        /// It did not get to where it should; one line says what is missing.
        case failed(String)
        /// It gave no sign of life any more; QEMU's emulation is known to do that once in a while.
        case frozen(String)
    }

    /// No sign of life for so long is a frozen machine: firmware waits a minute for a boot file.
    static let frozenSeconds = 75.0
    /// Firmware that was refused its disk tries again within a moment, or other ways that lead nowhere.
    static let refusedSeconds = 15.0
    /// How long a machine may take to shut down.
    static let stoppingSeconds = 45.0

    private enum Phase {
        case booting
        case session(ConsoleSession)
        case stopping(Outcome, deadline: Instant)
        case over
    }

    private let goal: TryOutOptions.Goal
    private let timeoutSeconds: Double
    private(set) var tracker: StageTracker
    private var text = ConsoleText()
    private var phase = Phase.booting
    private var lastSign: Instant

    init(goal: TryOutOptions.Goal, timeoutSeconds: Double, started: Instant) {
        self.goal = goal
        self.timeoutSeconds = timeoutSeconds
        self.tracker = StageTracker(started: started)
        self.lastSign = started
    }

    mutating func received(console bytes: [UInt8], at now: Instant) -> [Effect] {
        self.lastSign = now
        var effects: [Effect] = []
        for line in self.text.received(bytes) {
            switch self.phase {
            case .booting:
                // A kernel's message may have ended the prompt's line at once.
                let sight = ConsoleSight(line: line) ?? ConsoleSight(unfinished: line)
                if let sight { effects += self.saw(sight, at: now) }
            case .session(var session):
                let answers = session.received(line: line)
                self.phase = .session(session)
                effects += self.perform(answers, at: now)
            case .stopping, .over: break
            }
        }
        let unfinished = self.text.unfinished
        switch self.phase {
        case .booting:
            if let sight = ConsoleSight(unfinished: unfinished) { effects += self.saw(sight, at: now) }
        case .session(var session):
            let answers = session.received(unfinished: unfinished)
            self.phase = .session(session)
            effects += self.perform(answers, at: now)
        case .stopping, .over: break
        }
        return effects
    }

    mutating func received(_ story: MachineStory, at now: Instant) -> [Effect] {
        let lines = self.tracker.received(story)
        if !lines.isEmpty { self.lastSign = now }
        return lines.map { .show($0) }
    }

    /// Time has gone by.
    mutating func tick(at now: Instant) -> [Effect] {
        switch self.phase {
        case .booting where self.goal == .console: return []
        case .booting:
            if now.seconds(since: self.tracker.started) >= self.timeoutSeconds {
                return self.switchOff(.failed(self.tracker.missing(at: now) + "; time is over"), at: now)
            }
            if let refused = self.tracker.refused, now.seconds(since: refused) >= Self.refusedSeconds {
                return self.switchOff(.failed(self.tracker.missing(at: now)), at: now)
            }
            guard now.seconds(since: self.lastSign) >= Self.frozenSeconds else { return [] }
            return self.switchOff(.frozen(self.tracker.missing(at: now)), at: now)
        case .session:
            guard now.seconds(since: self.tracker.started) >= self.timeoutSeconds else { return [] }
            return self.switchOff(.failed("the command did not end in time"), at: now)
        case .stopping(let outcome, let deadline):
            guard now >= deadline else { return [] }
            self.phase = .stopping(outcome, deadline: now.adding(seconds: Self.stoppingSeconds))
            return [.show("the machine did not shut down in time and is switched off\n"), .switchOff]
        case .over: return []
        }
    }

    /// QEMU has ended.
    mutating func machineEnded(at now: Instant) -> [Effect] {
        defer { self.phase = .over }
        switch self.phase {
        case .booting where self.goal == .console: return [.end(.command(status: 0))]
        case .booting: return [.end(.failed(self.tracker.missing(at: now) + "; the machine switched itself off"))]
        case .session(let session):
            // The command was to switch it off.
            return [.end(session.isRunningCommand ? .command(status: 0) : .failed("the machine ended at its login"))]
        case .stopping(let outcome, _): return [.end(outcome)]
        case .over: return []
        }
    }

    private mutating func saw(_ sight: ConsoleSight, at now: Instant) -> [Effect] {
        guard let line = self.tracker.received(sight, at: now) else { return [] }
        guard self.goal != .console else { return sight == .loginPrompt ? [.reportLoginPrompt] : [] }
        if case .stage(let stage) = self.goal, stage != .login, sight.isAtOrAfter(stage) {
            let reached = Outcome.reached(afterSeconds: now.seconds(since: self.tracker.started))
            return [.show(line)] + self.switchOff(reached, at: now)
        }
        switch sight {
        case .loginPrompt: return [.show(line), .reportLoginPrompt] + self.reachedLogin(at: now)
        case .failure: return [.show(line)] + self.switchOff(.failed(self.tracker.missing(at: now)), at: now)
        default: return [.show(line)]
        }
    }

    private mutating func reachedLogin(at now: Instant) -> [Effect] {
        guard case .command(let command, let password) = self.goal else {
            return self.stop(.reached(afterSeconds: now.seconds(since: self.tracker.started)), at: now)
        }
        let session = ConsoleSession(command: command, password: password)
        self.phase = .session(session)
        return self.perform([session.opening], at: now)
    }

    private mutating func perform(_ answers: [ConsoleSession.Effect], at now: Instant) -> [Effect] {
        answers.flatMap { answer -> [Effect] in
            switch answer {
            case .send(let text): [.send(text)]
            case .output(let line): [.output(line)]
            case .finished(let status): self.stop(.command(status: status), at: now)
            case .failed(let reason): self.stop(.failed(reason), at: now)
            }
        }
    }

    private mutating func stop(_ outcome: Outcome, at now: Instant) -> [Effect] {
        self.phase = .stopping(outcome, deadline: now.adding(seconds: Self.stoppingSeconds))
        return [.pressCtrlAltDelete]
    }

    /// Ends without asking the machine.
    private mutating func switchOff(_ outcome: Outcome, at now: Instant) -> [Effect] {
        self.phase = .stopping(outcome, deadline: now.adding(seconds: Self.stoppingSeconds))
        return [.switchOff]
    }
}

extension Instant {
    func adding(seconds: Double) -> Instant {
        Instant(milliseconds: self.milliseconds + Int64(seconds * 1000))
    }
}
