// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import Model

/// Opens backstores; on files in the program, in memory in tests.
package protocol StoreOpening: Sendable {
    func open(_ backstore: Backstore) async throws -> any BlockStore
}
