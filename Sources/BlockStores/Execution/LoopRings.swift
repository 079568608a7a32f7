// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import NIOCore
internal import NIOPosix
internal import Synchronization
internal import SystemPackage

/// Who waits for a medium that is not at once at hand.
package enum IOEngine: String, CaseIterable, Sendable {
    /// io_uring where the kernel allows it, else threads.
    case automatic = "auto"
    /// The kernel, asked through a ring of each event loop.
    case ring = "io_uring"
    /// A pool of threads.
    case threads
}

/// The rings of a group's event loops, each made when its loop first needs it.
///
/// The kernel may forbid io_uring (`kernel.io_uring_disabled`, a container's seccomp filter), which is found out once,
/// at start. swift-system's ring knows reads and writes of one piece of memory; flushes, and everything else a medium can
/// do, are the threads' in either case.
package final class LoopRings: Sendable {
    private let group: any EventLoopGroup
    private let rings = Mutex<[ObjectIdentifier: NIOLoopBound<LoopRing>]>([:])

    private init(group: any EventLoopGroup) {
        self.group = group
    }

    /// The rings that `engine` asks for, nil for threads, and what was chosen, to be logged.
    ///
    /// - Throws: why io_uring cannot be had, where nothing else was asked for.
    package static func choose(
        _ engine: IOEngine, group: any EventLoopGroup
    ) throws(BlockError) -> (rings: LoopRings?, description: String) {
        try self.choose(engine, group: group, probe: self.probe)
    }

    static func choose(
        _ engine: IOEngine, group: any EventLoopGroup, probe: () throws(Errno) -> Void
    ) throws(BlockError) -> (rings: LoopRings?, description: String) {
        guard engine != .threads else { return (nil, "threads") }
        do {
            try probe()
            return (LoopRings(group: group), "io_uring")
        } catch {
            guard engine == .automatic else {
                throw BlockError(
                    .unavailable, "use io_uring", errno: error.rawValue,
                    reason: "\(error); kernel.io_uring_disabled or a container's seccomp filter may forbid it "
                        + "(choose threads)")
            }
            return (nil, "threads, as io_uring cannot be used: \(error)")
        }
    }

    /// Whether the kernel lets a ring be made, and works through it.
    private static func probe() throws(Errno) {
        var ring = try IORing(queueDepth: 1)
        guard ring.prepare(request: .nop()) else { throw .notSupported }
        try ring.submitPreparedRequests()
        guard try ring.blockingConsumeCompletion().result == 0 else { throw .notSupported }
    }

    /// Gives the transfer to the ring of the caller's event loop, or of some loop where the caller is on none.
    ///
    /// - Parameter refused: called instead of the transfer's completion where that loop can have no ring.
    func begin(_ transfer: RingTransfer, refused: @escaping @Sendable () -> Void) {
        guard let loop = MultiThreadedEventLoopGroup.currentEventLoop else {
            return self.group.next().execute { self.begin(transfer, refused: refused) }
        }
        // The kernel let a ring be made at start: descriptors or memory have run out since.
        guard let ring = try? self.ring(of: loop) else { return refused() }
        ring.begin(transfer)
    }

    private func ring(of loop: any EventLoop) throws -> LoopRing {
        let key = ObjectIdentifier(loop)
        if let ring = self.rings.withLock({ $0[key] }) { return ring.value }
        // Only this loop's thread makes this loop's ring.
        let ring = try LoopRing.open(on: loop)
        self.rings.withLock { $0[key] = NIOLoopBound(ring, eventLoop: loop) }
        return ring
    }

    /// Gives the rings back. Every store that uses them has been closed.
    package func close() async {
        let rings = self.rings.withLock { rings in
            defer { rings.removeAll() }
            return Array(rings.values)
        }
        for ring in rings {
            try? await ring.eventLoop.submit { ring.value.close() }.get()
        }
    }
}
