// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Bounds of the shell.
enum Limits {
    /// Lines of history that are kept between runs.
    static let historyLines = 1000
    /// A file of preferences: a thousand bookmarks.
    static let preferenceBytes = 1 << 18
    /// Places that `cd <` goes back to.
    static let places = 100
}
