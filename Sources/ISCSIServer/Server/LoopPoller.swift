// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import CLinux
import NIOCore
import NIOPosix

/// Keeps an event loop looking at its sockets for a while after it has answered, rather than go to sleep: the next
/// command is then found without the time that waking a thread takes. It costs the processor that time.
///
///     a pass answers ─► awake: one descriptor is always readable, so the loop's wait returns at once, for all its sockets
///                  no pass for `span` ─► it is read no more, and the loop sleeps
///
/// All connections of the loop are served meanwhile, each as it would be. Where nobody sends nothing is polled.
final class LoopPoller {
    private let span: TimeAmount
    private let channel: any Channel
    private var decision = PollingDecision()
    private var until = NIODeadline.distantPast
    private var isAwake = false
    private var foundWork = false

    private init(span: TimeAmount, channel: any Channel) {
        self.span = span
        self.channel = channel
    }

    /// Makes the poller of a loop.
    static func open(on loop: any EventLoop, span: TimeAmount) -> EventLoopFuture<NIOLoopBound<LoopPoller>> {
        let descriptor = clinux_ready_event()
        guard descriptor >= 0 else {
            return loop.makeFailedFuture(IOError(errnoCode: -descriptor, reason: "eventfd"))
        }
        return NIOPipeBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 8))
            .takingOwnershipOfDescriptor(input: descriptor)
            .flatMapThrowing { channel in
                let poller = LoopPoller(span: span, channel: channel)
                try channel.pipeline.syncOperations.addHandler(PollingHandler(poller))
                return NIOLoopBound(poller, eventLoop: loop)
            }
    }

    func close() {
        self.channel.close(promise: nil)
    }

    /// A pass has answered something.
    func answered() {
        if self.isAwake {
            self.foundWork = true
        } else {
            guard self.decision.begins() else { return }
            self.isAwake = true
            self.foundWork = false
            self.channel.read()
        }
        self.until = .now() + self.span
    }

    /// The loop has looked at everything once more.
    fileprivate func looked() {
        if NIODeadline.now() < self.until { return self.channel.read() }
        self.isAwake = false
        self.decision.ended(foundWork: self.foundWork)
    }
}

/// Whether polling is worth its while: commands that come further apart than it lasts are not met by it.
struct PollingDecision {
    private var misses = 0
    private var skips = 0

    /// After so many periods in vain, polling pauses.
    private static let patience = 3
    /// The longest pause, in chances: two to this power.
    private static let longestPause = 8

    /// A pass ended: whether to poll now.
    mutating func begins() -> Bool {
        guard self.skips > 0 else { return true }
        self.skips -= 1
        return false
    }

    /// A period of polling is over.
    mutating func ended(foundWork: Bool) {
        guard !foundWork else {
            self.misses = 0
            return
        }
        self.misses += 1
        guard self.misses >= Self.patience else { return }
        self.skips = 1 << min(self.misses, Self.longestPause)
    }
}

private final class PollingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let poller: LoopPoller

    init(_ poller: LoopPoller) {
        self.poller = poller
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.poller.looked()
    }
}

@available(*, unavailable)
extension LoopPoller: Sendable {}

@available(*, unavailable)
extension PollingHandler: Sendable {}
