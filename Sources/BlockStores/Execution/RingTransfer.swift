// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore
internal import SystemPackage

/// A read or a write of a medium that the kernel is to do.
struct RingTransfer: Sendable {
    enum Work: Sendable {
        case read(byteCount: Int)
        case write(ByteBuffer)
    }

    let medium: OpenMedium
    let offset: UInt64
    let work: Work
    let completion: @Sendable (Result<BlockReply, BlockError>) -> Void
}

/// A transfer on its way: its memory, which stays where it is until the kernel is done with it, and how far it has come.
struct RingSlot {
    private let transfer: RingTransfer
    private let byteCount: Int
    private var buffer: ByteBuffer
    private var done = 0
    private var refusals = 0

    enum Progress {
        /// The kernel moved a part, or none for the moment: it is to be asked for the rest.
        case unfinished
        case finished(Result<BlockReply, BlockError>)
    }

    init(_ transfer: RingTransfer) {
        self.transfer = transfer
        let alignment = transfer.medium.memoryAlignment
        switch transfer.work {
        case .read(let byteCount):
            self.byteCount = byteCount
            self.buffer = .aligned(byteCount, to: alignment)
        case .write(let data):
            self.byteCount = data.readableBytes
            self.buffer = data.aligned(to: alignment)
        }
    }

    var completion: @Sendable (Result<BlockReply, BlockError>) -> Void { self.transfer.completion }

    /// What the kernel is asked for: everything that is not done.
    mutating func request(context: UInt64) -> IORing.Request {
        let descriptor = self.transfer.medium.descriptor(at: self.transfer.offset, self.byteCount)
        let offset = self.transfer.offset + UInt64(self.done)
        let left = self.byteCount - self.done
        // The pointers outlive the closures that yield them: the slot keeps the buffer, whose memory nobody else touches
        // or moves, until the kernel has answered.
        switch self.transfer.work {
        case .read:
            let memory = unsafe self.buffer.withUnsafeMutableWritableBytes { bytes in
                unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[..<left])
            }
            return unsafe .read(descriptor, into: memory, at: offset, context: context)
        case .write:
            let memory = unsafe self.buffer.withUnsafeReadableBytes { bytes in
                unsafe UnsafeMutableRawBufferPointer(mutating: UnsafeRawBufferPointer(rebasing: bytes[self.done...]))
            }
            return unsafe .write(memory, into: descriptor, at: offset, context: context)
        }
    }

    /// The kernel moved `result` bytes, or failed with that number, negated.
    mutating func answered(_ result: Int32) -> Progress {
        let errno = Errno(rawValue: -result)
        guard result > 0 else {
            self.refusals += 1
            if errno == .interrupted || errno == .resourceTemporarilyUnavailable, self.refusals < Limits.ringRefusals {
                return .unfinished
            }
            return .finished(.failure(self.failure(result == 0 ? nil : errno)))
        }
        self.done += Int(result)
        guard case .read = self.transfer.work else {
            return self.done < self.byteCount ? .unfinished : .finished(.success(.done))
        }
        self.buffer.moveWriterIndex(forwardBy: Int(result))
        return self.done < self.byteCount ? .unfinished : .finished(.success(.data(self.buffer)))
    }

    private func failure(_ errno: Errno?) -> BlockError {
        let medium = self.transfer.medium
        let (kind, verb): (BlockError.Kind, String) =
            if case .read = self.transfer.work { (.read, "read") } else { (.write, "write") }
        let operation = "\(verb) \(self.byteCount) bytes at \(self.transfer.offset) of"
        guard let errno else { return BlockError(kind, "\(operation) \(medium.path)", reason: "it has shrunk") }
        return medium.error(kind, operation, errno)
    }
}
