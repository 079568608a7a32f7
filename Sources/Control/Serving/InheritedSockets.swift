// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc

/// Sockets that the service manager has bound and listens on before the daemon runs (sd_listen_fds(3)): with them, who asks
/// for the API starts the daemon.
struct InheritedSockets: Sendable {
    /// For the API on a Unix socket.
    private(set) var local: CInt?
    /// For the API by TCP.
    private(set) var network: CInt?

    /// SD_LISTEN_FDS_START.
    private static let first: CInt = 3

    /// - Parameter environment: the process's: `LISTEN_PID`, `LISTEN_FDS`.
    /// - Throws: where a socket is none that the API can be served on.
    init(environment: (String) -> String?) throws(FileProblem) {
        guard environment("LISTEN_PID") == String(getpid()), let count = environment("LISTEN_FDS").flatMap(CInt.init),
            count > 0
        else { return }
        guard count <= Limits.inheritedSockets else {
            throw FileProblem(.badContent, "\(count) sockets were handed over; name two at most in apus.socket")
        }
        for descriptor in Self.first..<(Self.first + count) {
            // Programs that the daemon starts have no use for it.
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            switch Self.family(of: descriptor) {
            case AF_UNIX? where self.local == nil: self.local = descriptor
            case AF_INET? where self.network == nil, AF_INET6? where self.network == nil: self.network = descriptor
            default:
                throw FileProblem(
                    .badContent,
                    "socket \(descriptor), which was handed over, is none for the API; "
                        + "name one Unix socket and one of TCP at most in apus.socket, as ListenStream=")
            }
        }
    }

    /// The address family of a stream socket that listens.
    private static func family(of descriptor: CInt) -> CInt? {
        func option(_ name: CInt) -> CInt? {
            var value: CInt = 0
            var size = socklen_t(MemoryLayout<CInt>.size)
            return unsafe getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
        }
        guard option(SO_TYPE) == CInt(SOCK_STREAM.rawValue), option(SO_ACCEPTCONN) == 1 else { return nil }
        return option(SO_DOMAIN)
    }
}
