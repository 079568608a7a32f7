// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import SCSI

/// A logical unit together with its store, as several targets and sessions share it.
package final class ServedUnit: Sendable {
    package let identity: LogicalUnitIdentity
    package let store: any BlockStore

    package init(identity: LogicalUnitIdentity, store: any BlockStore) {
        self.identity = identity
        self.store = store
    }
}
