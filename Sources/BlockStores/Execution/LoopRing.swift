// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import CLinux
internal import NIOCore
internal import NIOPosix
internal import SystemPackage

/// The io_uring of one event loop.
///
///     begin ─► a slot, or the queue ─► prepared ─ the loop's turn ends ─► submitted, all with one call
///     the kernel is done ─► eventfd ─► the loop reads it ─► every answer that is there is taken
///
/// Lives on its loop. A transfer that the kernel does only in part is asked for again.
final class LoopRing {
    private var ring: IORing
    private let loop: any EventLoop
    private var slots: [RingSlot?]
    private var free: [Int]
    private var waiting = CircularBuffer<RingTransfer>()
    private var isSubmitting = false
    private var events: (any Channel)?

    /// Makes the ring, and takes what its eventfd tells for as long as the loop runs or until `close`.
    static func open(on loop: any EventLoop) throws -> LoopRing {
        loop.preconditionInEventLoop()
        let event = clinux_event()
        guard event >= 0 else { throw Errno(rawValue: -event) }
        let ring: LoopRing
        do {
            ring = try LoopRing(on: loop, event: SystemPackage.FileDescriptor(rawValue: event))
        } catch {
            try? SystemPackage.FileDescriptor(rawValue: event).close()
            throw error
        }
        let bound = NIOLoopBound(ring, eventLoop: loop)
        NIOPipeBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(RingEvents(bound.value))
            }
        }.takingOwnershipOfDescriptor(input: event).whenComplete { result in
            switch result {
            case .success(let channel): bound.value.events = channel
            // Nothing tells of answers: they are looked for.
            case .failure: bound.value.poll()
            }
        }
        return ring
    }

    private init(on loop: any EventLoop, event: SystemPackage.FileDescriptor) throws(Errno) {
        var ring = try IORing(queueDepth: UInt32(Limits.ringTransfers))
        try ring.registerEventFD(event)
        self.ring = ring
        self.loop = loop
        self.slots = Array(repeating: nil, count: Limits.ringTransfers)
        self.free = Array(0..<Limits.ringTransfers)
    }

    func close() {
        self.events?.close(promise: nil)
        self.events = nil
    }

    func begin(_ transfer: RingTransfer) {
        guard let slot = self.free.popLast() else { return self.waiting.append(transfer) }
        self.slots[slot] = RingSlot(transfer)
        self.prepare(slot)
    }

    private func prepare(_ slot: Int) {
        guard let request = self.slots[slot]?.request(context: UInt64(slot)) else { return }
        // There are as many places in the queue as there are slots.
        let isPrepared = self.ring.prepare(request: request)
        precondition(isPrepared)
        guard !self.isSubmitting else { return }
        self.isSubmitting = true
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.loop.execute { bound.value.submit() }
    }

    private func submit() {
        do {
            try self.ring.submitPreparedRequests()
            self.isSubmitting = false
        } catch {
            // The kernel has no memory for the moment: what it did not take is still in the queue.
            let bound = NIOLoopBound(self, eventLoop: self.loop)
            self.loop.scheduleTask(in: Limits.ringPatience) { bound.value.submit() }
        }
    }

    /// Takes the answers that are there.
    func reap() {
        while let completion = self.ring.tryConsumeCompletion() {
            self.answered(Int(completion.context), completion.result)
        }
        while !self.free.isEmpty, let transfer = self.waiting.popFirst() {
            self.begin(transfer)
        }
    }

    private func answered(_ slot: Int, _ result: Int32) {
        guard let progress = self.slots[slot]?.answered(result), let completion = self.slots[slot]?.completion else {
            preconditionFailure("the kernel answers what it was asked")
        }
        switch progress {
        case .unfinished:
            self.prepare(slot)
        case .finished(let result):
            self.slots[slot] = nil
            self.free.append(slot)
            completion(result)
        }
    }

    private func poll() {
        self.reap()
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.loop.scheduleTask(in: Limits.ringPatience) { bound.value.poll() }
    }
}

@available(*, unavailable)
extension LoopRing: Sendable {}

/// Is told by the eventfd that answers are there.
private final class RingEvents: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let ring: LoopRing

    init(_ ring: LoopRing) {
        self.ring = ring
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.ring.reap()
    }
}

@available(*, unavailable)
extension RingEvents: Sendable {}
