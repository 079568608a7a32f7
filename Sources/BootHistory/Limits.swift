// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Bounds of what is kept on disk.
package enum Limits {
    /// A year of a machine that starts once a week.
    package static let bootsPerMachine = 52
    /// Boots of all machines. One has some three kilobytes: the file stays below 200 MB.
    package static let boots = 50_000
}
