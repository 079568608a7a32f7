// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block

/// A request of what a unit does by itself, beside the commands that come: a sanitize operation, a self-test.
package struct BackgroundStep: Sendable {
    package var request: BlockRequest
    /// What it moves, for its pace: other units share the store's disk and the processor.
    package var byteCount: UInt64
}
