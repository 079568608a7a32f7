// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import BootServer
import BootStory
package import ISCSI
import Synchronization

/// Names and secrets that are made for one boot of a machine: good for its address alone, and gone when the next begins.
///
/// They outlive the daemon, for a machine that runs logs in again when it comes back.
package final class BootCredentials: Sendable {
    /// What one machine has.
    struct Issued: Codable, Hashable, Sendable {
        var name: String
        var secret: String
        var address: String
        var at: Instant
    }

    private struct State {
        var issued: [String: Issued] = [:]
        var changes: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Makes them for the boot that begins.
    ///
    /// A request that comes again within seconds, because an answer was lost, gets the same.
    func make(for client: String, at address: String, now: Instant) -> Issued {
        self.state.withLock { state in
            if let last = state.issued[client], last.address == address,
                (0..<Limits.credentialRepeatSeconds).contains(now.seconds(since: last.at))
            {
                return last
            }
            let name = "\(client.prefix(64))-\(Self.random(6))"
            let made = Issued(name: name, secret: Self.random(16), address: address, at: now)
            state.issued[client] = made
            state.changes &+= 1
            return made
        }
    }

    /// What an initiator at `address` has to prove that says it is the client.
    package func authentication(of client: String, at address: String?) -> Authentication {
        guard let issued = self.state.withLock({ $0.issued[client] }) else {
            return .impossible(
                reason: "\(client) has CHAP credentials made for each boot, and has not asked for its boot script")
        }
        guard let address, Self.plain(address) == issued.address else {
            return .impossible(
                reason: "the credentials of this boot of \(client) are good for \(issued.address) alone, "
                    + "not for \(address ?? "an unknown address")")
        }
        let secret = CHAPSecret(issued.secret)
        return .required(CHAPTerms(initiator: CHAPCredentials(name: issued.name, secret: secret)))
    }

    /// Forgets those of clients that are none any more.
    func keep(only clients: Set<String>) {
        self.state.withLock { state in
            let kept = state.issued.filter { clients.contains($0.key) }
            guard kept.count != state.issued.count else { return }
            state.issued = kept
            state.changes &+= 1
        }
    }

    /// All of them, if they have changed since `changes`.
    func changed(since changes: UInt64) -> (issued: [String: Issued], changes: UInt64)? {
        self.state.withLock { $0.changes == changes ? nil : ($0.issued, $0.changes) }
    }

    func restore(_ issued: [String: Issued]) {
        self.state.withLock { $0.issued = issued }
    }

    /// Sixteen of these 64 characters are the 96 bits that RFC 7143 §9.2.1 asks for.
    private static func random(_ count: Int) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var generator = SystemRandomNumberGenerator()
        return String((0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
    }

    /// An IPv4 address that an IPv6 socket shows as `::ffff:10.0.0.1`.
    private static func plain(_ address: String) -> Substring {
        address.hasPrefix("::ffff:") && address.contains(".") ? address.dropFirst(7) : address[...]
    }
}
