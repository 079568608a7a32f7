// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols

extension Catalogue {
    /// What a DHCP client is told about booting, after what its message says of it has been taken in.
    func answer(_ client: BootClient, _ message: DHCPMessage) -> BootAnswer {
        self.directory.learned(MachineFacts(message), of: client.mac)
        guard var assignment = self.directory.assignment(for: client.mac) else {
            return self.policy.answer(client, plan: nil)
        }
        if assignment.hasCredentialsPerBoot, assignment.method == .firmware {
            switch client.program {
            case .ipxe where message.type == .request:
                // iPXE takes its settings from the acknowledgement, when the address is known that they are good for.
                let address = message.requestedAddress ?? message.clientAddress
                assignment.credentials = self.directory.makeCredentials(
                    for: assignment.client, at: address.description)
            case .other where message.parameterRequestList.contains(DHCPOptionCode.rootPath):
                return BootAnswer(refusal: Self.noCredentialsByDHCP)
            case .ipxe, .pxe, .httpBoot, .other: break
            }
        }
        return self.policy.answer(client, plan: BootPlan(assignment))
    }

    private static let noCredentialsByDHCP =
        "the firmware's own initiator takes no credentials by DHCP, and this machine's are made for each boot"
}
