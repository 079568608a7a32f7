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

    let live: LiveSession
    let channel: any Channel
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

    /// Files that Data-In is sent from.
    var sentFiles: [SentFile] = []
    /// Bytes that were given to the channel, which is yet to be told to send them.
    var unflushedBytes = 0

    private var framer = PDUFramer()
    /// Where the connection's own loop is the session's: its place in the pipeline.
    var context: ChannelHandlerContext?
    /// Where it is not: what stands in its place.
    var relay: NIOLoopBound<RelayHandler>?
    /// Bytes that were given to the relay's channel and have not been sent.
    var unsentBytes = 0
    var phase = Phase.serving
    var isReadHeldBack = false
    private var isFlushing = false
    private var isPassScheduled = false
    var hasReadMedium = false
    var lastReceived = NIODeadline.now()
    var quickAnswers = QuickAnswers()
    /// Ends the connection unless its initiator answers a ping.
    var pingAnswer: Scheduled<Void>?
    var keepAlive: RepeatedTask?
    /// At error recovery level 1 and above: sends R2Ts again. At level 0 it ends a connection whose data does not come,
    /// where that is wanted.
    var retransmission: RepeatedTask?
    /// At error recovery level 2: ends a suspended connection.
    var expiry: Scheduled<Void>?
    /// Whether a suspended connection's tasks may be reassigned.
    var isReleased = false

    enum Phase {
        case serving
        /// No new commands are taken, but the data of those in flight is; the connection closes when they are answered.
        case draining
        /// The connection has failed, and its tasks wait to be reassigned.
        case suspended
        /// The connection is over. It may still be sending its last answers.
        case ended
    }

    init(live: LiveSession, login: EstablishedLogin, channel: any Channel, statSN: UInt32) {
        self.live = live
        self.channel = channel
        self.connection = TargetConnection(login: login, session: live.machine, statSN: statSN)
    }

    var isOpen: Bool {
        self.phase == .serving || self.phase == .draining
    }

    var server: ISCSIServer { self.live.server }
    var session: Session { self.live.session }
    var loop: any EventLoop { self.live.loop }
    var units: [UInt16: ServedUnit] { self.live.units }
    var luns: [LUN] { self.live.luns }

    /// The full-feature phase begins; the framer has what came after the login.
    func begin(_ framer: PDUFramer) {
        // It may have been ended since it was entered.
        guard self.isOpen else { return self.channel.close(promise: nil) }
        self.framer = framer
        self.framer.maxDataSegmentLength = self.connection.parameters.maxRecvDataSegmentLength
        self.framer.hasHeaderDigest = self.connection.parameters.headerDigest
        self.framer.hasDataDigest = self.connection.parameters.dataDigest
        self.output = self.channel.allocator.buffer(capacity: 8_192)
        self.live.began()
        self.watchPeer()
        self.process()
        self.endPass()
    }

    // MARK: - Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.isOpen else { return }
        self.received(self.unwrapInboundIn(data))
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
    func goOn() {
        self.pumpWaitingReads()
        self.process()
        self.endPass()
        self.resumeReading()
    }

    /// Reads on where that was held back and there is room for what it will be answered with.
    func resumeReading() {
        guard self.isReadHeldBack, self.isWritable else { return }
        self.isReadHeldBack = false
        if let context = self.context {
            context.read()
        } else if let relay = self.relay {
            relay.eventLoop.execute { relay.value.taken() }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.failed(reason: "the initiator closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.drop(reason: "\(error)")
    }

    // MARK: - A pass

    func received(_ bytes: ByteBuffer) {
        self.lastReceived = .now()
        self.pingAnswer?.cancel()
        self.pingAnswer = nil
        self.framer.append(bytes)
        self.process()
    }

    /// Takes the PDUs that have come, as long as there is room for their answers.
    private func process() {
        do throws(FramingError) {
            while self.isOpen, self.hasRoom, let pdu = try self.framer.next() {
                guard self.phase == .serving || pdu.belongsToWhatIsInFlight else { continue }
                self.perform(
                    self.connection.received(pdu, directory: self.directory, output: &self.output))
                self.live.deliverHeld()
            }
        } catch {
            self.drop(reason: "\(error)")
        }
    }

    /// Takes a command that came on this connection, when its turn has come by what came on any.
    func deliver(_ pdu: PDU) {
        guard self.phase == .serving else { return }
        self.perform(self.connection.received(pdu, directory: self.directory, output: &self.output))
        self.schedulePass()
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
        case .abandonedDataEnded:
            self.live.abandonedDataEnded()
        case .taskManagement(let request):
            self.manage(request)
        case .logout(let request):
            self.logOut(request)
        case .close(let reason):
            self.drop(reason: reason)
        }
    }

    /// Sends what the pass has written.
    func endPass() {
        self.live.sendReadyResponses()
        guard self.isOpen else {
            // What is written without a socket is kept by the connection, to be sent by another.
            if self.phase == .suspended { self.output.clear() }
            return
        }
        self.connection.solicit(&self.output)
        self.flush()
        self.closeIfDrained()
    }

    /// Whether more may be put into the output; hands a large one to the socket first. What is asked is whether the peer
    /// takes what it is sent: the output itself is empty after each flush, however much waits in the channel.
    var hasRoom: Bool {
        if self.output.readableBytes + self.unflushedBytes >= ServerLimits.passOutputBytes { self.flush() }
        return self.isWritable
    }

    private var isWritable: Bool {
        if self.context != nil { return self.channel.isWritable }
        return self.relay != nil && self.unsentBytes < ServerLimits.pendingOutputBytes
    }

    func flush() {
        guard self.output.readableBytes > 0 || self.unflushedBytes > 0, !self.isFlushing else { return }
        self.measureQuickAnswers()
        self.live.poller?.answered()
        guard let context = self.context else {
            if self.relay != nil { self.relayOutput() }
            return
        }
        self.isFlushing = true
        self.unflushedBytes = 0
        if self.output.readableBytes > 0 { context.write(self.wrapOutboundOut(self.output), promise: nil) }
        context.flush()
        self.isFlushing = false
        // Keeps its memory where the socket has taken everything already.
        self.output.clear()
    }

    /// Begins a pass when everything else that is ready on this loop has run: answers of a store come in crowds.
    func schedulePass() {
        guard !self.isPassScheduled, self.phase != .ended else { return }
        self.isPassScheduled = true
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.loop.execute {
            bound.value.isPassScheduled = false
            bound.value.goOn()
        }
    }
}

extension PDU {
    /// Whether a connection that takes no more commands takes this all the same.
    fileprivate var belongsToWhatIsInFlight: Bool {
        self.header.opcode == .dataOut || self.header.opcode == .logoutRequest
    }
}

@available(*, unavailable)
extension ConnectionHandler: Sendable {}
