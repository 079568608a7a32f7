// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import SCSI
import Synchronization

/// A logical unit together with its store, as several targets and sessions share it.
package final class ServedUnit: Sendable {
    package let identity: LogicalUnitIdentity
    package let store: any BlockStore
    let blockSize: Int
    /// The unit's state. The lock is held for a decision, never while data moves.
    private let state: Mutex<LogicalUnit>

    package init(
        identity: LogicalUnitIdentity, store: any BlockStore,
        settings: LogicalUnitSettings = LogicalUnitSettings()
    ) {
        self.identity = identity
        self.store = store
        self.blockSize = store.info.geometry.blockSize
        self.state = Mutex(LogicalUnit(identity: identity, info: store.info, settings: settings))
    }

    /// Lets `body` ask or change the unit; one at a time.
    func withUnit<Result: Sendable>(_ body: (inout LogicalUnit) -> Result) -> Result {
        self.state.withLock { unit in body(&unit) }
    }

    /// Sense data for a store that failed.
    func failed(_ error: BlockError) -> CommandResult {
        self.withUnit { $0.failed(error) }
    }
}
