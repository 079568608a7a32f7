// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import Logging
import NIOCore
import SCSI

/// Serves one connection in the full-feature phase.
///
/// It owns the connection's machine and moves the bytes that the machine and the logical units ask for. All PDUs that
/// one socket read brought are processed in one pass, and what they are answered with leaves in one write at its end:
///
///     channelRead ─► framer ─► TargetConnection ─► LogicalUnit ─► store
///                                     │                             │ at once, or later by a hop to this loop
///     channelReadComplete ◄─ output ◄─┴─────────────────────────────┘
///
/// Back-pressure: the command window bounds the tasks; while the peer does not read, Data-In is not fetched and no
/// further PDU is read (`read(context:)`), so that the output is bounded too.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let server: ISCSIServer
    let session: Session
    var connection: TargetConnection
    var output = ByteBuffer()
    var pending: [UInt32: PendingTask] = [:]
    /// Reads that wait for room in the output.
    var waitingReads = CircularBuffer<PendingTask>()
    /// Requests that stores have not answered, of aborted tasks too.
    var requestsInFlight = 0

    private var framer: PDUFramer
    private var units: [UInt16: ServedUnit] = [:]
    private var luns: [LUN] = []
    private(set) var context: ChannelHandlerContext?
    private var phase = Phase.serving
    private var isReadHeldBack = false
    private var isFlushScheduled = false
    private var hasReadMedium = false
    private var lastReceived = NIODeadline.now()
    private var keepAlive: RepeatedTask?

    private enum Phase {
        case serving
        /// No new PDUs are taken; the connection closes when what is in flight has been answered.
        case draining
        case ended
    }

    init(server: ISCSIServer, session: Session, statSN: UInt32, framer: PDUFramer) {
        self.server = server
        self.session = session
        self.connection = TargetConnection(login: session.login, statSN: statSN)
        self.framer = framer
        self.framer.maxDataSegmentLength = ISCSI.Limits.maxRecvDataSegmentLength
        self.framer.hasHeaderDigest = session.login.parameters.headerDigest
        self.framer.hasDataDigest = session.login.parameters.dataDigest
    }

    // MARK: - Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.output = context.channel.allocator.buffer(capacity: 8_192)
        self.server.attach(self)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        self.keepAlive = context.eventLoop.scheduleRepeatedTask(
            initialDelay: ServerLimits.keepAlive, delay: ServerLimits.keepAlive
        ) { _ in bound.value.checkPeer() }
        self.process()
        self.endPass()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.lastReceived = .now()
        self.framer.append(self.unwrapInboundIn(data))
        self.process()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.endPass()
    }

    /// Passes on the wish to read unless the peer does not take what it is answered.
    func read(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            context.read()
        } else {
            self.isReadHeldBack = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        self.pumpWaitingReads()
        self.endPass()
        if self.isReadHeldBack, context.channel.isWritable {
            self.isReadHeldBack = false
            context.read()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.ended(reason: "the initiator closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.drop(reason: "\(error)")
    }

    // MARK: - A pass

    private func process() {
        do throws(FramingError) {
            while self.phase == .serving, let pdu = try self.framer.next() {
                self.perform(
                    self.connection.received(pdu, directory: self.directory, output: &self.output))
                while self.phase == .serving,
                    let held = self.connection.nextHeld(directory: self.directory, output: &self.output)
                {
                    self.perform(held)
                }
            }
        } catch {
            self.drop(reason: "\(error)")
        }
    }

    private func perform(_ inbound: Inbound) {
        switch inbound {
        case .nothing:
            break
        case .command(let command):
            self.begin(command)
        case .data(let tag, let data, let isLast):
            guard let task = self.pending[tag] else { return }
            self.receive(data, isLast: isLast, task)
        case .dataOutLost(let tag, let reason):
            guard let task = self.pending[tag] else { return }
            self.server.logger.warning(
                "Data-Out lost",
                metadata: ["initiator": "\(self.session.login.identity.initiatorName)", "reason": "\(reason)"])
            self.endLost(task)
        case .taskManagement(let request):
            self.manage(request)
        case .loggedOut:
            self.flush()
            self.close(reason: "logged out")
        case .close(let reason):
            self.drop(reason: reason)
        }
    }

    /// Sends what the pass has written.
    private func endPass() {
        self.connection.solicit(&self.output)
        self.flush()
        self.closeIfDrained()
    }

    func flush() {
        guard self.output.readableBytes > 0, let context = self.context else { return }
        context.writeAndFlush(self.wrapOutboundOut(self.output), promise: nil)
        // Keeps its memory where the socket has taken everything already.
        self.output.clear()
    }

    /// Ends the pass when everything else that is ready on this loop has run: answers of a store come in crowds.
    func scheduleFlush() {
        guard !self.isFlushScheduled, let context = self.context else { return }
        self.isFlushScheduled = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            bound.value.isFlushScheduled = false
            bound.value.endPass()
        }
    }

    // MARK: - Commands

    private func begin(_ command: SCSICommand) {
        self.session.counters.commandReceived(at: self.lastReceived)
        let operationCode = UInt8(truncatingIfNeeded: command.header[field: 32] >> 24)
        guard let lun = LUN(wire: command.lun), let unit = self.units[lun.number],
            operationCode != ReportLUNs.operationCode
        else {
            let result = command.withCDB { AbsentUnit.begin($0, luns: self.luns) }
            return self.finish(command, result)
        }
        let nexus = self.session.nexus
        let step = command.withCDB { cdb in
            unit.withUnit { $0.begin(cdb, expectedDataOut: command.expectedDataOut, nexus: nexus) }
        }
        self.take(step, command, unit)
    }

    /// Does what the logical unit says comes next for a command that is not pending yet.
    func take(_ step: TaskStep, _ command: SCSICommand, _ unit: ServedUnit, wantedDataOut: Int = 0) {
        switch step {
        case .finish(let result) where result.abortsTasksOf.isEmpty:
            self.finish(command, result, transferred: wantedDataOut)
        case .finish(let result):
            self.connection.open(command)
            let task = PendingTask(command, unit, .perform(.good))
            task.wantedDataOut = wantedDataOut
            self.pending[command.initiatorTaskTag] = task
            self.finishAfterAborting(task, result)
        case .read(let range):
            self.noteFirstRead()
            self.beginRead(command, unit, range)
        case .write(let range, let isDurable):
            self.beginWrite(command, unit, range, isDurable: isDurable)
        case .collect(let byteCount, let continuation):
            self.beginCollecting(command, unit, byteCount, continuation)
        case .perform(let request, let continuation):
            self.connection.open(command)
            let task = PendingTask(command, unit, .perform(continuation))
            task.wantedDataOut = wantedDataOut
            self.pending[command.initiatorTaskTag] = task
            self.submit(request, task)
        }
    }

    /// Does what the logical unit says comes next for a pending command.
    func takeNext(_ step: TaskStep, _ task: PendingTask) {
        switch step {
        case .perform(let request, let continuation):
            task.work = .perform(continuation)
            self.submit(request, task)
        case .read(let range):
            self.noteFirstRead()
            self.continueAsRead(task, range)
        case .finish(let result) where result.abortsTasksOf.isEmpty:
            self.finish(task, result)
        case .finish(let result):
            self.finishAfterAborting(task, result)
        case .write, .collect:
            preconditionFailure("Data-Out is received once, before anything else is done with a command")
        }
    }

    func finish(_ command: SCSICommand, _ result: CommandResult, transferred: Int = 0) {
        self.connection.complete(
            command, status: result.status.rawValue, sense: result.sense, dataIn: result.dataIn,
            transferred: transferred, output: &self.output)
    }

    func finish(_ task: PendingTask, _ result: CommandResult, transferred: Int = 0) {
        self.pending[task.command.initiatorTaskTag] = nil
        self.finish(task.command, result, transferred: max(transferred, task.wantedDataOut))
    }

    private func noteFirstRead() {
        guard !self.hasReadMedium else { return }
        self.hasReadMedium = true
        self.server.observer(.firstRead(self.session.snapshot()))
    }

    // MARK: - Requests to stores

    /// Gives the store a request; its answer comes back to this loop. This is the one place where a completion hops.
    func submit(_ request: BlockRequest, _ task: PendingTask) {
        guard let context = self.context else { return }
        task.requestsInFlight += 1
        self.requestsInFlight += 1
        let bound = NIOLoopBound((self, task), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        task.unit.store.perform(request) { result in
            loop.execute {
                let (handler, task) = bound.value
                handler.answered(result, task)
            }
        }
    }

    private func answered(_ result: Result<BlockReply, BlockError>, _ task: PendingTask) {
        task.requestsInFlight -= 1
        self.requestsInFlight -= 1
        defer {
            if self.phase == .ended { self.reportIdle() }
        }
        guard !task.isAborted else {
            if task.requestsInFlight == 0 { task.idle?.succeed() }
            return
        }
        if case .failure(let error) = result {
            self.server.logger.error(
                "the store failed", metadata: ["unit": "\(task.unit.identity.product)", "error": "\(error)"])
        }
        switch task.work {
        case .read: self.readAnswered(result, task)
        case .write: self.writeAnswered(result, task)
        case .collect(let continuation, _), .perform(let continuation):
            let nexus = self.session.nexus
            let step = task.unit.withUnit { $0.resume(continuation, with: .performed(result), nexus: nexus) }
            self.takeNext(step, task)
        }
        self.scheduleFlush()
    }

    // MARK: - Units

    /// The units that this session may reach; set at login and when the target's configuration changes.
    func setUnits(_ units: [UInt16: ServedUnit]) {
        self.units = units
        self.luns = units.keys.compactMap { LUN($0) }.sorted()
    }

    func unit(_ wire: UInt64) -> ServedUnit? {
        LUN(wire: wire).flatMap { self.units[$0.number] }
    }

    var allUnits: [ServedUnit] {
        Array(self.units.values)
    }

    private var directory: SessionDirectory {
        SessionDirectory(server: self.server, session: self.session)
    }

    // MARK: - The end

    /// Ends the connection for a reason that the operator should see.
    private func drop(reason: String) {
        guard self.phase != .ended else { return }
        self.server.logger.warning(
            "connection dropped",
            metadata: [
                "initiator": "\(self.session.login.identity.initiatorName)",
                "remote": "\(self.session.remoteAddress)", "reason": "\(reason)",
            ])
        self.flush()
        self.close(reason: reason)
    }

    private func close(reason: String) {
        let context = self.context
        self.ended(reason: reason)
        context?.close(promise: nil)
    }

    private func ended(reason: String) {
        guard self.phase != .ended else { return }
        self.phase = .ended
        self.keepAlive?.cancel()
        for task in self.pending.values {
            task.isAborted = true
        }
        self.pending.removeAll()
        self.waitingReads.removeAll()
        self.server.leave(self.session, reason: reason)
        self.reportIdle()
    }

    /// The session is over for good when no store works for it any longer.
    private func reportIdle() {
        guard self.requestsInFlight == 0 else { return }
        self.server.forget(self.session)
        // Requests hold the handler, and the pipeline the context: end that when the last is answered.
        self.context = nil
    }

    /// Takes no more commands, answers those in flight, then closes.
    func drain() {
        guard self.phase == .serving else { return }
        self.phase = .draining
        self.closeIfDrained()
    }

    private func closeIfDrained() {
        guard self.phase == .draining, self.pending.isEmpty else { return }
        self.flush()
        self.close(reason: "the server stops")
    }

    /// Pings a silent initiator, and gives up on one that does not answer.
    private func checkPeer() {
        guard self.connection.initiatorPings else { return }
        let silence = NIODeadline.now() - self.lastReceived
        if silence > ServerLimits.keepAlive * 2 {
            self.drop(reason: "the initiator has not answered for \(silence.nanoseconds / 1_000_000_000) s")
        } else if silence > ServerLimits.keepAlive {
            self.connection.ping(output: &self.output)
            self.flush()
        }
    }
}

@available(*, unavailable)
extension ConnectionHandler: Sendable {}
