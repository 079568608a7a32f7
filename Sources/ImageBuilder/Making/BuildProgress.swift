// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Tells a user how a build goes on: a line for every step with the seconds it took; on a terminal the running step's
/// line counts them.
package struct BuildProgress: Sendable {
    private let output: FileDescriptor
    private let isTerminal: Bool

    package init(to output: FileDescriptor) {
        self.output = output
        self.isTerminal = isatty(output.rawValue) == 1
    }

    package func say(_ line: String) {
        self.write("\(line)\n")
    }

    /// Runs a step of a build.
    func step<Result>(_ title: String, _ body: () async throws -> Result) async throws -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        let ticker = self.isTerminal ? Task { await self.tick(title, since: start) } : nil
        do {
            let result = try await body()
            await self.stop(ticker)
            self.write("  \(Self.padded(title)) \(Self.seconds(clock.now - start))\n")
            return result
        } catch {
            await self.stop(ticker)
            self.write("  \(Self.padded(title)) failed after \(Self.seconds(clock.now - start))\n")
            throw error
        }
    }

    private func tick(_ title: String, since start: ContinuousClock.Instant) async {
        while !Task.isCancelled {
            self.write("\r  \(Self.padded(title)) \(Self.seconds(.now - start))")
            try? await Task.sleep(for: .milliseconds(200))
        }
    }

    private func stop(_ ticker: Task<Void, Never>?) async {
        guard let ticker else { return }
        ticker.cancel()
        await ticker.value
        self.write("\r")
    }

    /// Titles in a column, so that the seconds are one below the other.
    private static func padded(_ title: String) -> String {
        title + String(repeating: " ", count: max(0, 66 - title.count))
    }

    static func seconds(_ duration: Duration) -> String {
        let tenths = duration.components.seconds * 10 + duration.components.attoseconds / 100_000_000_000_000_000
        let text = "\(tenths / 10).\(tenths % 10) s"
        return String(repeating: " ", count: max(0, 8 - text.count)) + text
    }

    private func write(_ text: String) {
        // A build goes on when nobody listens any more.
        _ = try? self.output.writeAll(text.utf8)
    }
}
