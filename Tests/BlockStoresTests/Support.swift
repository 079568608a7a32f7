// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import BlockStores
import Glibc
import NIOCore
import NIOPosix

/// A folder that is removed with everything in it when the test is over.
final class TemporaryFolder {
    let path: String

    init(in parent: String = "/var/tmp") throws {
        var template = Array("\(parent)/apus-stores-XXXXXX".utf8CString)
        // The call writes the name it chose over the template, which is NUL-terminated.
        guard unsafe mkdtemp(&template) != nil else { throw SystemFailure(code: errno) }
        self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    struct SystemFailure: Error {
        var code: Int32
    }

    func file(_ name: String) -> String {
        "\(self.path)/\(name)"
    }

    deinit {
        for name in ["disk", "other", "disk.atomic", "disk.key"] {
            unsafe unlink(self.file(name))
        }
        unsafe rmdir(self.path)
    }
}

/// What the file system says of a file.
func status(_ path: String) -> stat {
    var status = stat()
    // A C structure that the call fills in.
    _ = unsafe stat(path, &status)
    return status
}

let pool = NIOThreadPool.singleton

/// The rings of the event loops; nil where the kernel forbids them.
let loopRings = try? LoopRings.choose(.ring, group: MultiThreadedEventLoopGroup.singleton).rings

extension BlockStore {
    /// `perform`, awaited.
    func performed(_ request: BlockRequest) async throws(BlockError) -> BlockReply {
        let result: Result<BlockReply, BlockError> = await withCheckedContinuation { continuation in
            self.perform(request) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    /// The blocks of the range, read as the server does: inline, and otherwise by the pool.
    func read(_ range: BlockRange) async throws -> [UInt8] {
        var buffer = ByteBuffer()
        var inline = false
        try buffer.writeWithOutputRawSpan(minimumWritableBytes: self.info.geometry.byteCount(range)) {
            span throws(BlockError) in
            inline = try self.readNow(range, into: &span)
        }
        if !inline, case .data(let data) = try await self.performed(.read(range)) {
            buffer = data
        }
        return Array(buffer.readableBytesView)
    }

    /// Writes as the server does: inline, and otherwise by the pool.
    func write(_ range: BlockRange, _ bytes: [UInt8]) async throws {
        let buffer = ByteBuffer(bytes: bytes)
        if try !self.writeNow(range, from: buffer.readableBytesSpan) {
            _ = try await self.performed(.write(range, buffer, durable: false))
        }
    }
}

/// A generator whose sequence is told by its seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var value = self.state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
