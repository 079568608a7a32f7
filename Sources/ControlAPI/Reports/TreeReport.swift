// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Model

/// `GET /v1/tree`: a node as the shell's `ls`, `status`, `get` and `info` tell of it, without secrets.
package struct TreeReport: Codable, Sendable, Hashable {
    package var generation: Int
    package var path: String
    package var node: TreeNode
    /// By group and name.
    package var settings: [String: [String: String]]
    /// The entry of the file; nil for nodes that only hold others.
    package var saved: JSONValue?

    /// Nil where there is no such node.
    ///
    /// - Parameter depth: how many levels of children the node has; nil for all.
    package init?(
        _ configuration: Configuration, generation: Int, path: TreePath, depth: Int?, sizes: [String: UInt64]
    ) {
        guard let node = configuration.node(at: path, sizes: sizes) else { return nil }
        self.generation = generation
        self.path = path.description
        self.node = node.cut(to: depth ?? .max)
        self.settings = [:]
        for group in configuration.settingGroups(at: path) ?? [] {
            guard let values = configuration.settings(group, at: path) else { continue }
            self.settings[group] = Dictionary(
                uniqueKeysWithValues: values.map { name, value in
                    (name, name.hasSuffix("password") && !value.isEmpty ? JSONValue.hiddenSecret : value)
                })
        }
        self.saved = configuration.savedEntry(at: path)?.hidingSecrets
    }
}
