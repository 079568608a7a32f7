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

    /// Bytes that stores are bringing for reads.
    var requestedReadBytes = 0
    /// Aborted tasks that a store still works for.
    var aborted: [PendingTask] = []

    private var framer: PDUFramer
    var units: [UInt16: ServedUnit] = [:]
    var luns: [LUN] = []
    var context: ChannelHandlerContext?
    var phase = Phase.serving
    private var isReadHeldBack = false
    private var isFlushing = false
    private var isPassScheduled = false
    var hasReadMedium = false
    var lastReceived = NIODeadline.now()
    var hasPinged = false
    var keepAlive: RepeatedTask?

    enum Phase {
        case serving
        /// No new commands are taken, but the data of those in flight is; the connection closes when they are answered.
        case draining
        /// The session is over. The connection may still be sending its last answers.
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
            initialDelay: self.server.times.keepAlive, delay: self.server.times.keepAlive
        ) { _ in bound.value.checkPeer() }
        self.process()
        self.endPass()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.phase != .ended else { return }
        self.lastReceived = .now()
        self.hasPinged = false
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
        // A flush that the socket takes at once says so from within, while the output is still being handed over.
        guard !self.isFlushing else { return self.schedulePass() }
        self.goOn()
    }

    /// Goes on with everything that waited for the peer to read, or for a store.
    private func goOn() {
        self.pumpWaitingReads()
        self.process()
        self.endPass()
        guard self.isReadHeldBack, let context = self.context, context.channel.isWritable else { return }
        self.isReadHeldBack = false
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.ended(reason: "the initiator closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.drop(reason: "\(error)")
    }

    // MARK: - A pass

    /// Takes the PDUs that have come, as long as there is room for their answers.
    private func process() {
        do throws(FramingError) {
            while self.phase != .ended, self.hasRoom, let pdu = try self.framer.next() {
                guard self.phase == .serving || pdu.header.opcode == .dataOut else { continue }
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
            self.close(reason: "logged out")
        case .close(let reason):
            self.drop(reason: reason)
        }
    }

    /// Sends what the pass has written.
    private func endPass() {
        guard self.phase != .ended else { return }
        self.connection.solicit(&self.output)
        self.flush()
        self.closeIfDrained()
    }

    /// Whether more may be put into the output; hands a large one to the socket first. What is asked is whether the peer
    /// takes what it is sent: the output itself is empty after each flush, however much waits in the channel.
    var hasRoom: Bool {
        if self.output.readableBytes >= ServerLimits.passOutputBytes { self.flush() }
        return self.context?.channel.isWritable ?? false
    }

    func flush() {
        guard self.output.readableBytes > 0, !self.isFlushing, let context = self.context else { return }
        self.isFlushing = true
        context.writeAndFlush(self.wrapOutboundOut(self.output), promise: nil)
        self.isFlushing = false
        // Keeps its memory where the socket has taken everything already.
        self.output.clear()
    }

    /// Begins a pass when everything else that is ready on this loop has run: answers of a store come in crowds.
    func schedulePass() {
        guard !self.isPassScheduled, let context = self.context else { return }
        self.isPassScheduled = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute {
            bound.value.isPassScheduled = false
            bound.value.goOn()
        }
    }
}

@available(*, unavailable)
extension ConnectionHandler: Sendable {}
