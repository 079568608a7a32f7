// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Hummingbird
import Model

extension Routes {
    /// The shell's verbs that look.
    static func addTree(_ daemon: Daemon, to api: RouterGroup<BasicRequestContext>) {
        api.get("tree") { request, _ in
            let path = TreePath(request.uri.queryParameters["path"].map { PathSegment.decoded(String($0)) } ?? "/")
            let depth = try request.uri.queryParameters["depth"].map { text in
                guard let depth = Int(text), depth >= 0 else {
                    throw HTTPError(.badRequest, message: "depth=\(text): write a number")
                }
                return depth
            }
            guard let report = await daemon.tree(path, depth: depth) else {
                throw HTTPError(.notFound, message: "there is no \(path); GET /v1/tree?depth=1 tells what there is")
            }
            return try Self.answer(report, status: .ok)
        }
    }
}

extension Daemon {
    /// Nil where there is no such node.
    func tree(_ path: TreePath, depth: Int?) async -> TreeReport? {
        let (configuration, generation) = (self.configuration, self.generation)
        return await Self.blocking {
            var sizes: [String: UInt64] = [:]
            for object in configuration.storageObjects where object.size == nil && object.plugin != "pscsi" {
                sizes[object.path] = object.dev.flatMap(HostFacts.bytes)
            }
            return TreeReport(configuration, generation: generation, path: path, depth: depth, sizes: sizes)
        }
    }
}
