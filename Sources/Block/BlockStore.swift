// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

public import NIOCore

/// The contract of a backstore: where a logical unit's blocks live.
///
///     open (by the store's own initialiser)
///       └─ info ............ geometry, limits and capabilities, constant until `close`
///            ├─ readNow ──── true: done   false: it would have to wait ──┐
///            ├─ writeNow ─── true: done   false: it would have to wait ──┤
///            └─ perform ◄────────────────────────────────────────────────┘
///                 └─ completion, exactly once, inline or later, on any thread
///     close (after the last completion)
///
/// The two `…Now` calls are the data path: they neither allocate nor wait, and work on the connection's own buffers.
/// `perform` does everything, and may take as long as the medium needs.
///
/// The caller checks ranges against `info.geometry`; a store may trap on a range outside of it.
public protocol BlockStore: AnyObject, Sendable {
    /// Geometry, limits and capabilities, read once at open.
    var info: BlockInfo { get }

    /// Appends the blocks of `range` to `destination` if that takes no waiting.
    ///
    /// - Returns: false when the medium would have to be waited for; `destination` is then as it was.
    func readNow(_ range: BlockRange, into destination: inout OutputRawSpan) throws(BlockError) -> Bool

    /// Stores `source` in `range` if that takes no waiting. The data is then visible to every later read, but no
    /// more durable than the store's write cache.
    ///
    /// - Returns: false when the medium would have to be waited for; nothing has then been written.
    func writeNow(_ range: BlockRange, from source: RawSpan) throws(BlockError) -> Bool

    /// Performs `request` and reports its result exactly once, inline or later, on any thread.
    func perform(
        _ request: BlockRequest,
        completion: @escaping @Sendable (Result<BlockReply, BlockError>) -> Void
    )

    /// Makes everything written durable and releases the medium. No request may be under way or follow.
    func close() throws(BlockError)
}

/// What a store can be asked to do besides the data path's reads and writes.
public enum BlockRequest: Sendable {
    /// Reads the range; the reply is `.data`.
    case read(BlockRange)
    /// Writes the data, whose length is the range's; durable before the reply when `durable` (FUA).
    case write(BlockRange, ByteBuffer, durable: Bool)
    /// Makes every write that has been replied to durable.
    case flush
    /// Gives the ranges' space back where the store can; they read as zeroes afterwards if it did.
    case unmap([BlockRange])
    /// Makes the range read as zeroes; may give its space back when `mayUnmap`.
    case writeZeroes(BlockRange, mayUnmap: Bool, durable: Bool)
    /// Writes the data, whose length is the range's, so that every read finds all of it or nothing, and so does whoever
    /// opens the store after a power cut; a failure leaves what was there. At most `info.maxAtomicBlocks`.
    case writeAtomic(BlockRange, ByteBuffer, durable: Bool)
    /// Writes the one block that `pattern` holds to every block of the range.
    case writeSame(BlockRange, pattern: ByteBuffer, durable: Bool)
    /// Compares the medium with the data; the reply is `.done` or `.miscompare`.
    case compare(BlockRange, ByteBuffer)
    /// Compares and, where equal, writes, atomically against every other request of this store.
    case compareAndWrite(BlockRange, expected: ByteBuffer, replacement: ByteBuffer, durable: Bool)
    /// Asks whether the range's first blocks take space, and how many are alike; the reply is `.extent`.
    case extent(BlockRange)
    /// Asks how much space the store takes where `info.capabilities` say that it can tell; the reply is `.usage`.
    case usage
    /// Replaces the key that the store encrypts with, where `info.capabilities` say that it does: whatever was written
    /// before cannot be read any longer, by anybody.
    case replaceKey
}

/// What a store answers.
public enum BlockReply: Sendable {
    case done
    case data(ByteBuffer)
    /// The first differing byte's offset from the start of the compared range.
    case miscompare(byteOffset: Int)
    /// The first `count` blocks of the range, at least one, are all in this state. More may be.
    case extent(count: UInt32, ProvisioningState)
    /// Bytes that the store takes where it lies, and bytes that it could still get there.
    case usage(takenBytes: UInt64, freeBytes: UInt64)
}

/// What a store keeps for a block (SBC-3: logical block provisioning).
public enum ProvisioningState: Sendable, Hashable {
    /// Its data.
    case mapped
    /// Nothing.
    case deallocated
    /// Space for its data, which has not been written: it reads as zeroes, and writing it cannot fail for want of space.
    case anchored
}
