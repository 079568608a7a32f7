// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A store that can become larger while it is open. `info` stays what it was at open; the caller remembers the new size.
public protocol GrowingStore: BlockStore {
    /// Makes the store at least `bytes` long where it can, or with nil only looks how long it is now.
    ///
    /// - Returns: how many blocks there are now. Fewer than before where somebody has cut it short.
    func grow(to bytes: UInt64?) throws(BlockError) -> UInt64
}
