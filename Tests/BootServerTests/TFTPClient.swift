// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import NIOCore
import NIOPosix

/// A TFTP client as RFC 1350 has it, with the options of RFC 2348 and RFC 7440.
struct TFTPClient {
    var port: Int

    enum Outcome: Equatable {
        case bytes([UInt8], accepted: [TFTPOption])
        case refused(TFTPErrorCode, String)
        case silence
    }

    /// Sends `request` (`copies` times, as an impatient client would) and takes what comes.
    func send(_ request: TFTPPacket, copies: Int = 1) async throws -> Outcome {
        let server = try SocketAddress(ipAddress: "127.0.0.1", port: self.port)
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let outcome = loop.makePromise(of: Outcome.self)
        let channel = try await DatagramBootstrap(group: loop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Conversation(outcome))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        // Against a hang only: a busy machine may take its time.
        let patience = loop.scheduleTask(in: .seconds(60)) { outcome.succeed(.silence) }
        for _ in 0..<copies {
            try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: server, data: request.encode()))
        }
        let result = try await outcome.futureResult.get()
        patience.cancel()
        try await channel.close()
        return result
    }

    /// Answers on the event loop, at a machine's pace: the threads that tests run on may all be busy.
    private final class Conversation: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>

        private let outcome: EventLoopPromise<Outcome>
        private var receiver = Receiver()

        init(_ outcome: EventLoopPromise<Outcome>) {
            self.outcome = outcome
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = self.unwrapInboundIn(data)
            do {
                let packet = try TFTPPacket.parse(envelope.data.readableBytesSpan)
                if let end = self.receiver.received(packet, from: envelope.remoteAddress) {
                    return self.outcome.succeed(end)
                }
            } catch {
                return self.outcome.fail(error)
            }
            guard let answer = self.receiver.answer else { return }
            context.writeAndFlush(
                self.wrapOutboundOut(AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: answer.encode())),
                promise: nil)
            guard self.receiver.isComplete else { return }
            self.outcome.succeed(.bytes(self.receiver.bytes, accepted: self.receiver.accepted))
        }
    }

    private struct Receiver {
        var bytes: [UInt8] = []
        var accepted: [TFTPOption] = []
        var answer: TFTPPacket?
        var isComplete = false
        private var peer: SocketAddress?
        private var blocks = 0
        private var unacknowledged = 0

        private func value(_ option: String) -> Int? {
            self.accepted.first { $0.name == option }.flatMap { Int($0.value) }
        }

        /// An outcome, if the packet ends the transfer; else sets `answer`.
        mutating func received(_ packet: TFTPPacket, from peer: SocketAddress) -> Outcome? {
            self.answer = nil
            if case .error(let code, let message) = packet { return .refused(code, message) }
            // Each transfer has a port of its own: another one would be a second answer to the same request.
            if let mine = self.peer, mine != peer { return .refused(.unknownTransfer, "a second transfer") }
            self.peer = peer
            switch packet {
            case .optionAcknowledgement(let options):
                self.accepted = options
                self.answer = .acknowledgement(block: 0)
            case .data(let block, let data) where block == UInt16(truncatingIfNeeded: self.blocks + 1):
                self.blocks += 1
                self.unacknowledged += 1
                self.bytes += Array(data.readableBytesView)
                self.isComplete = data.readableBytes < self.value("blksize") ?? 512
                guard self.isComplete || self.unacknowledged == self.value("windowsize") ?? 1 else { return nil }
                self.unacknowledged = 0
                self.answer = .acknowledgement(block: block)
            default:
                break
            }
            return nil
        }
    }
}
