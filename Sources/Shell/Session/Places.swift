// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// The places where a user was, to go back to.
struct Places: Sendable {
    private var paths = [TreePath()]
    private var index = 0

    /// Where the user was before.
    var before: TreePath {
        self.index > 0 ? self.paths[self.index - 1] : self.paths[0]
    }

    mutating func entered(_ path: TreePath) {
        guard path != self.paths[self.index] else { return }
        self.paths = Array((self.paths[...self.index] + [path]).suffix(Limits.places))
        self.index = self.paths.count - 1
    }

    /// The next place back, or forth, that `exists`; nil where there is none.
    mutating func step(forth: Bool, where exists: (TreePath) -> Bool) -> TreePath? {
        let candidates = forth ? Array(self.paths.indices.dropFirst(self.index + 1)) : (0..<self.index).reversed()
        guard let found = candidates.first(where: { exists(self.paths[$0]) }) else { return nil }
        self.index = found
        return self.paths[found]
    }
}
