// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ISCSI
package import ISCSIServer

/// What the daemon needs of an iSCSI target; `ISCSIServer` in the program, a record of calls in tests.
package protocol TargetService: Sendable {
    @discardableResult
    func listen(_ portal: Portal) async throws -> Portal
    func stopListening(_ portal: Portal) async
    func setTarget(_ definition: TargetDefinition) async
    func setDiscoveryAuthentication(_ authentication: Authentication) async
    /// Ends the target's sessions; when it returns no request to their stores is under way.
    func removeTarget(_ name: String) async
    func sessions() async -> [SessionSnapshot]
    /// Takes no new logins, lets what is in flight finish for at most `grace`, and ends every session.
    func shutdown(grace: Duration) async
}

extension ISCSIServer: TargetService {}
