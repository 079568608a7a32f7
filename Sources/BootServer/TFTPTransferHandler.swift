// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Logging
import NIOCore
import NIOPosix

/// One TFTP transfer on a socket of its own, connected to its client. Performs what `TFTPTransfer` decides.
final class TFTPTransferHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = ByteBuffer

    private let file: String
    private let content: BootContent
    private let remote: SocketAddress
    private let services: TFTPServices
    private var transfer: TFTPTransfer
    private var timer: Scheduled<Void>?
    private var timerAt: UInt64?
    private let started = NIODeadline.now()
    private var hasEnded = false
    private var readFailure: OpenFile.Failure?

    init(_ request: TFTPRequest, _ content: BootContent, remote: SocketAddress, services: TFTPServices) {
        self.file = request.file
        self.content = content
        self.remote = remote
        self.services = services
        let terms = TFTPTerms(request, size: content.size, blockBytesMax: services.blockBytesMax)
        self.transfer = TFTPTransfer(mode: request.mode, terms: terms, size: content.size)
    }

    /// The socket is bound and connected.
    func handlerAdded(context: ChannelHandlerContext) {
        self.perform(self.transfer.start(now: NIODeadline.milliseconds), context)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data).data
        do {
            let packet = try TFTPPacket.parse(bytes.readableBytesSpan)
            self.perform(self.transfer.received(packet, now: NIODeadline.milliseconds), context)
        } catch {
            // Whatever it was, it was no acknowledgement; the clock will tell.
            self.services.logger.debug("TFTP transfer: \(error)", metadata: ["from": "\(self.remote)"])
        }
    }

    /// The client's port is gone (ICMP port unreachable), or the network is.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.tell(failure: "the client cannot be reached any more (\(error))")
        self.close(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.timer = nil
    }

    private func perform(_ effects: [TFTPTransfer.Effect], _ context: ChannelHandlerContext) {
        var queue = effects[...]
        var hasWritten = false
        while let effect = queue.popFirst() {
            switch effect {
            case .send(let packet):
                context.write(self.wrapOutboundOut(packet), promise: nil)
                hasWritten = true
            case .read(let offset, let count):
                switch self.content {
                case .memory(let bytes):
                    let slice = bytes.getSlice(at: bytes.readerIndex + offset, length: count) ?? ByteBuffer()
                    queue += self.transfer.dataRead(slice, now: NIODeadline.milliseconds)
                case .file, .sequence:
                    self.read(offset, count, context)
                }
            case .ended(let end):
                if hasWritten { context.flush() }
                self.tell(end)
                self.close(context)
                return
            }
        }
        if hasWritten { context.flush() }
        self.arm(context)
    }

    private func read(_ offset: Int, _ count: Int, _ context: ChannelHandlerContext) {
        let content = self.content
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        self.services.threads.runIfActive(eventLoop: context.eventLoop) {
            try content.read(offset: offset, count: count)
        }.whenComplete { result in
            let (handler, context) = bound.value
            guard !handler.hasEnded else { return }
            switch result {
            case .success(let bytes):
                handler.perform(handler.transfer.dataRead(bytes, now: NIODeadline.milliseconds), context)
            case .failure(let error):
                handler.readFailure = error as? OpenFile.Failure
                handler.perform(handler.transfer.readFailed(), context)
            }
        }
    }

    /// One timer at a time. It is left alone when the deadline moves away, as it does with nearly every block: firing
    /// early costs less than setting it anew each time.
    private func arm(_ context: ChannelHandlerContext) {
        guard let deadline = self.transfer.deadline, deadline < self.timerAt ?? .max else { return }
        self.timer?.cancel()
        self.timerAt = deadline
        let wait = deadline - min(deadline, NIODeadline.milliseconds)
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        self.timer = context.eventLoop.scheduleTask(in: .milliseconds(Int64(wait))) {
            let (handler, context) = bound.value
            handler.timerAt = nil
            guard !handler.hasEnded else { return }
            handler.perform(handler.transfer.timePassed(now: NIODeadline.milliseconds), context)
        }
    }

    private func close(_ context: ChannelHandlerContext) {
        self.hasEnded = true
        self.timer?.cancel()
        self.timer = nil
        context.close(promise: nil)
    }

    private func tell(_ end: TFTPTransfer.End) {
        switch end {
        case .complete(let bytes):
            let seconds = Double((NIODeadline.now() - self.started).nanoseconds) / 1e9
            let transfer = BootEvent.Transfer(file: self.file, service: .tftp, bytes: bytes, seconds: seconds)
            self.services.observer(.transferred(self.machine, remote: self.remoteText, transfer))
            self.hasEnded = true
        case .probed:
            // UEFI firmware asks for the size this way before it fetches the file.
            self.services.logger.debug("\(self.remoteText) asked for the size of \(self.file)")
            self.hasEnded = true
        case .stopped(let code, let message):
            self.tell(failure: "the client broke off: \(message.isEmpty ? "error \(code.rawValue)" : message)")
        case .timedOut(let block, let retries):
            self.tell(failure: "the client fell silent at block \(block); \(retries) retransmissions got no answer")
        case .unreadable:
            self.tell(failure: self.readFailure?.description ?? "the file could not be read")
        }
    }

    private func tell(failure: String) {
        guard !self.hasEnded else { return }
        self.hasEnded = true
        self.services.observer(
            .transferFailed(self.machine, remote: self.remoteText, file: self.file, reason: failure))
    }

    private var machine: MACAddress? {
        BootPath(self.file)?.mac ?? self.services.addresses.machine(at: self.remote)
    }

    private var remoteText: String {
        self.remote.ipAddress ?? "\(self.remote)"
    }
}
