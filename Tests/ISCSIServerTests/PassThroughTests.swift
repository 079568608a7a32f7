// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import ISCSI
import ISCSIServer
import ISCSITesting
import NIOCore
import Synchronization
import Testing

/// A device that is passed through: answers as the test has it, when the test has it.
private final class ScriptedDevice: BlockStore, PassThroughDevice {
    typealias Completion = @Sendable (DeviceAnswer) -> Void

    let info = BlockInfo(geometry: BlockGeometry(blockSize: 512, blockCount: 0), capabilities: [])
    private let state = Mutex(State())
    private let answer: @Sendable (DeviceCommand) -> DeviceAnswer

    private struct State {
        var isHolding = false
        var held: [@Sendable () -> Void] = []
        var commands: [DeviceCommand] = []
        var resets = 0
    }

    init(_ answer: @escaping @Sendable (DeviceCommand) -> DeviceAnswer) {
        self.answer = answer
    }

    var commands: [DeviceCommand] { self.state.withLock(\.commands) }
    var resets: Int { self.state.withLock(\.resets) }

    /// What is held is answered by it.
    func reset(completion: @escaping @Sendable (BlockError?) -> Void) {
        self.state.withLock { $0.resets += 1 }
        self.release()
        completion(nil)
    }

    /// From now on answers are kept until `release`.
    func hold() { self.state.withLock { $0.isHolding = true } }

    func release() {
        let held = self.state.withLock { state in
            state.isHolding = false
            defer { state.held = [] }
            return state.held
        }
        for answer in held { answer() }
    }

    func perform(_ command: DeviceCommand, completion: @escaping Completion) {
        let answer = self.answer(command)
        let isHeld = self.state.withLock { state in
            state.commands.append(command)
            if state.isHolding { state.held.append { completion(answer) } }
            return state.isHolding
        }
        if !isHeld { completion(answer) }
    }

    func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool { false }
    func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool { false }
    func perform(_ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void) {
        Issue.record("\(request) was asked of a device")
        completion(.failure(BlockError(.unsupported, "a device")))
    }
    func close() throws(BlockError) {}
}

@Suite("Devices passed through, over sockets", .timeLimit(.minutes(5)))
struct PassThroughTests {
    /// A device that is ready, and has one answer to everything else.
    private static func answering(_ status: DeviceStatus) -> ScriptedDevice {
        ScriptedDevice { $0.cdb.first == 0x00 ? .status(DeviceStatus(status: 0)) : .status(status) }
    }

    @Test func `data goes both ways, and residuals are counted`() async throws {
        let device = ScriptedDevice { command in
            command.dataInLength > 0
                ? .status(
                    DeviceStatus(status: 0, dataIn: ByteBuffer(repeating: 7, count: min(100, command.dataInLength))))
                : .status(DeviceStatus(status: 0, takenBytes: min(60_000, command.dataOut.readableBytes)))
        }
        try await ServerUnderTest.run([device]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            let reading = try await socket.execute([0x08, 0, 0, 1, 0, 0], read: 256)
            #expect(reading == Outcome(status: 0, data: [UInt8](repeating: 7, count: 100), residual: 156))
            // More than goes along with the command, so that it comes in answer to R2Ts.
            let data = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
            let writing = try await socket.execute([0x0A, 0, 4, 0x93, 0xE0, 0], written: data)
            #expect(writing == Outcome(status: 0, residual: 240_000))
            #expect(device.commands.map(\.cdb).suffix(2) == [[0x08, 0, 0, 1, 0, 0], [0x0A, 0, 4, 0x93, 0xE0, 0]])
            #expect(device.commands.last.map { Array($0.dataOut.readableBytesView) } == data)
            let snapshot = try #require(test.server.sessions().first)
            #expect(snapshot.bytesRead == 100 && snapshot.bytesWritten == 60_000)
        }
    }

    @Test func `sense is the device's, with the data that came before it`() async throws {
        let sense: [UInt8] = [0x70, 0, 0x23, 0, 0, 0, 9, 10, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
        let device = Self.answering(
            DeviceStatus(status: 2, sense: ByteBuffer(bytes: sense), dataIn: ByteBuffer(bytes: [1, 2, 3])))
        try await ServerUnderTest.run([device]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            let answer = try await socket.execute([0x08, 0, 0, 0, 12, 0], read: 12)
            #expect(answer.status == 2 && answer.data == [1, 2, 3] && answer.sense == [0x03, 0x00, 0x01])
        }
    }

    @Test func `REPORT LUNS is the target's`() async throws {
        let device = Self.answering(DeviceStatus(status: 8))
        try await ServerUnderTest.run([device]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            let answer = try await socket.execute([0xA0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0], read: 64)
            #expect(answer.status == 0 && answer.data.count == 16)
            #expect(!device.commands.contains { $0.cdb.first == 0xA0 })
            #expect(try await socket.execute([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], read: 8).status == 8)
        }
    }

    @Test func `a command that is aborted is answered no more, and a reset of the device ends it`() async throws {
        let device = Self.answering(DeviceStatus(status: 0))
        try await ServerUnderTest.run([device]) { test in
            let socket = try await InitiatorSocket.ready(test.portal)
            device.hold()
            socket.begin([0x08, 0, 0, 1, 0, 0], read: 256)
            while device.commands.last?.cdb.first != 0x08 { await Task.yield() }
            // LOGICAL UNIT RESET.
            var reset = Request.taskManagement(
                5, tag: socket.initiator.freshTag(), referencedTag: 0xffff_ffff, referencedCmdSN: 0)
            reset.setLUN(0)
            socket.send(reset, isImmediate: true)
            #expect(try await socket.receive().header.opcode == .taskManagementResponse)
            #expect(device.resets == 1)
            let after = try await socket.execute(testUnitReady)
            #expect(after.sense.first == 0x06)
        }
    }
}
