// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import NIOCore

/// Where a command that needs more than one step stands.
package enum CommandContinuation: Sendable {
    /// The store is doing the last thing; GOOD when it has.
    case good
    /// The cache is being flushed; then the range is read.
    case read(BlockRange)
}

extension LogicalUnit {
    mutating func resume(_ continuation: CommandContinuation, performed reply: BlockReply) -> TaskStep {
        switch continuation {
        case .good: .finish(.good)
        case .read(let range): .read(range)
        }
    }

    mutating func resume(
        _ continuation: CommandContinuation, collected data: ByteBuffer, nexus: borrowing Nexus
    ) -> TaskStep {
        switch continuation {
        case .good, .read: preconditionFailure("\(continuation) waits for the store, not for Data-Out")
        }
    }
}
