// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import CLinux
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Synchronization
internal import SystemPackage

/// A SCSI device of the host, of any type, whose commands and answers are passed on as they are (SG_IO).
///
/// The calls wait for the device, so they are made on threads of the store's own: a tape that winds for a minute keeps
/// nobody else waiting. A device with blocks has several, so that its queue is used; any other has one, which keeps its
/// commands in their order. A command that would wait behind too many others is refused.
package final class PassThroughStore: BlockStore, PassThroughDevice {
    package let info: BlockInfo
    private let path: String
    private let node: SCSIDeviceNode
    /// Takes the commands.
    private let descriptor: SystemPackage.FileDescriptor
    /// Held open exclusively, so that nobody mounts the device; for others `descriptor` is.
    private let claim: SystemPackage.FileDescriptor?
    private let pool: NIOThreadPool
    private let waiting = Mutex(0)

    /// - Parameter path: the device's file, or its host, channel, target and LUN.
    package init(path: String) throws(BlockError) {
        let node = try SCSIDeviceNode(named: path)
        self.path = path
        self.node = node
        let (descriptor, claim) = try PassThroughOpening.open(node, path: path)
        self.descriptor = descriptor
        self.claim = claim
        self.info = PassThroughOpening.info(of: descriptor, node)
        self.pool = NIOThreadPool(numberOfThreads: node.isDisk ? Limits.passThroughThreads : 1)
        self.pool.start()
    }

    package func perform(_ command: DeviceCommand, completion: @escaping @Sendable (DeviceAnswer) -> Void) {
        let isAdmitted = self.waiting.withLock { waiting in
            guard waiting < Limits.passThroughCommands else { return false }
            waiting += 1
            return true
        }
        guard isAdmitted else { return completion(.failure(.full)) }
        self.pool.submit { state in
            let answer: DeviceAnswer
            switch state {
            case .active: answer = PassThroughCall.perform(command, by: self.descriptor, self.node)
            case .cancelled: answer = .failure(.unreachable)
            }
            self.waiting.withLock { $0 -= 1 }
            completion(answer)
        }
    }

    /// On a thread of others: those of this store may all wait for the device.
    package func reset(completion: @escaping @Sendable (BlockError?) -> Void) {
        NIOThreadPool.singleton.submit { _ in
            let result = clinux_scsi_reset(self.descriptor.rawValue)
            guard result != 0 else { return completion(nil) }
            let isForbidden = -result == EACCES || -result == EPERM
            let reason =
                isForbidden
                ? "that is the right of root, or of CAP_SYS_ADMIN and CAP_SYS_RAWIO" : "\(Errno(rawValue: -result))"
            completion(BlockError(.unavailable, "reset \(self.path)", reason: reason))
        }
    }

    package func close() throws(BlockError) {
        do {
            try self.pool.syncShutdownGracefully()
            try self.claim?.close()
            try self.descriptor.close()
        } catch {
            throw BlockError(.unavailable, "close \(self.path)", reason: "\(error)")
        }
    }

    // What stores of blocks do, a device that is passed through does only as commands.

    package func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool {
        throw self.noBlocks
    }

    package func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool {
        throw self.noBlocks
    }

    package func perform(
        _ request: BlockRequest, completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    ) {
        completion(.failure(self.noBlocks))
    }

    private var noBlocks: BlockError {
        BlockError(.unsupported, "\(self.path) takes SCSI commands only")
    }
}
