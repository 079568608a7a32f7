// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Bounds of the shell.
enum Limits {
    /// Lines of history that are kept between runs.
    static let historyLines = 1000
}
