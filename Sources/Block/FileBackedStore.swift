// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A store whose blocks lie in a file as they are: block n at byte n × the block size. The kernel can then send them to a
/// socket from the memory that it has them in, which spares a copy.
public protocol FileBackedStore: BlockStore {
    /// The file, open as long as the store is.
    var descriptor: CInt { get }

    /// Whether the blocks may be sent from the file: all of them are in memory, so that nobody has to wait for the medium,
    /// and no reader relies on finding all of a write or nothing of it.
    func canSend(_ range: BlockRange) -> Bool
}
