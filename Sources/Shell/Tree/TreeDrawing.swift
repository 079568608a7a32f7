// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model

/// How a tree is drawn, as the user's preferences have it.
struct TreeDrawing {
    var columns = 80
    /// Levels of children; all if nil.
    var depth: Int?
    var hasColours = false
    var hasRoot = true
    var hasSummaries = true
    var hasRoundNodes = true

    /// The lines, each with its end: dots between names and summaries.
    ///
    /// - Parameter level: how deep `node` stands, which chooses its colour.
    func text(of node: TreeNode, level: Int) -> String {
        var lines: [String] = []
        if self.hasRoot {
            self.draw(node, "", "  ", level, self.depth, isRoot: true, into: &lines)
        } else if self.depth.map({ $0 > 0 }) ?? true {
            for child in node.children {
                self.draw(child, "", "  ", level + 1, self.depth.map { $0 - 1 }, isRoot: false, into: &lines)
            }
        }
        return lines.joined()
    }

    private func draw(
        _ node: TreeNode, _ lead: String, _ childLead: String, _ level: Int, _ depth: Int?, isRoot: Bool,
        into lines: inout [String]
    ) {
        let head = "\(lead)\(self.hasRoundNodes ? "o" : "+")- "
        let colour = [nil, Colour.blue, Colour.magenta][level % 3]
        var line = head + self.painted(node.name, colour, isBold: true, isUnderlined: isRoot)
        if self.hasSummaries {
            let dots = max(0, self.columns - head.count - node.name.count - node.summary.count - 4)
            let health = node.isHealthy.map { $0 ? Colour.green : Colour.red }
            line += " " + self.painted(String(repeating: ".", count: dots), colour)
            line += self.painted(" [", nil, isBold: true)
            line += self.painted(node.summary, health, isBold: node.isHealthy == false)
            line += self.painted("]", nil, isBold: true)
        }
        lines.append(line + "\n")
        if let depth, depth <= 0 { return }
        for (index, child) in node.children.enumerated() {
            let isLast = index == node.children.count - 1
            self.draw(
                child, childLead, childLead + (isLast ? "  " : "| "), level + 1, depth.map { $0 - 1 }, isRoot: false,
                into: &lines)
        }
    }

    private func painted(
        _ text: String, _ colour: Colour?, isBold: Bool = false, isUnderlined: Bool = false
    ) -> String {
        guard self.hasColours else { return text }
        return Colour.painted(text, colour, isBold: isBold, isUnderlined: isUnderlined)
    }
}

/// Colours of terminals (ECMA-48, SELECT GRAPHIC RENDITION).
enum Colour: Int, Sendable {
    case red = 31
    case green = 32
    case blue = 34
    case magenta = 35

    static func painted(
        _ text: String, _ colour: Colour?, isBold: Bool = false, isUnderlined: Bool = false
    ) -> String {
        let codes = [isBold ? 1 : nil, isUnderlined ? 4 : nil, colour?.rawValue].compactMap(\.self)
        guard !codes.isEmpty, !text.isEmpty else { return text }
        return "\u{1B}[\(codes.map(String.init).joined(separator: ";"))m\(text)\u{1B}[0m"
    }
}
