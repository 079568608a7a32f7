// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import NIOPosix
import SCSI
import Synchronization

/// Looks from time to time at the space that a thin unit's store takes, while initiators want to be told of thresholds.
final class SpaceWatch: Sendable {
    private let task = Mutex<RepeatedTask?>(nil)

    /// Ends by itself when the unit is gone.
    func begin(_ unit: ServedUnit, every interval: TimeAmount) {
        let task = MultiThreadedEventLoopGroup.singleton.any().scheduleRepeatedTask(
            initialDelay: interval, delay: interval
        ) { [weak unit] task in
            guard let unit else { return task.cancel() }
            guard unit.withUnit({ $0.watchesSpace }) else { return }
            unit.store.perform(.usage) { result in
                guard case .success(.usage(let taken, let free)) = result else { return }
                unit.withUnit { $0.observed(takenBytes: taken, freeBytes: free) }
            }
        }
        self.task.withLock { $0 = task }
    }

    func stop() {
        self.task.withLock { $0 }?.cancel()
    }
}
