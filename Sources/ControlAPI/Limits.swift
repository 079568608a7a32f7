// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Bounds of the API.
package enum Limits {
    /// A request carries at most a whole configuration: 10,000 LUNs are about 10 MB of JSON.
    package static let requestBytes = 64 << 20
    /// An answer likewise.
    package static let responseBytes = 64 << 20
    /// Seconds that a daemon elsewhere may take to accept a connection.
    package static let connectSeconds: Int64 = 10
    /// One line of a stream: a machine's story has bounds of its own far below this.
    package static let lineBytes = 4 << 20
    /// Lists and objects within each other: as many as Foundation's decoder takes.
    static let jsonDepth = 512
}
