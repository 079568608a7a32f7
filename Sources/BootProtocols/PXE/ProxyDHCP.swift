// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// A proxyDHCP server: boot information beside another server's addresses (PXE 2.1 §2.2.3, §3).
///
/// The client broadcasts its DISCOVER; the DHCP server offers an address, we offer the boot file, in a message of our
/// own with yiaddr 0 and vendor class `PXEClient`. Firmware then differs:
///
/// - BIOS: takes the boot file from the offer, if option 43 tells it not to go looking for boot servers
///   (PXE_DISCOVERY_CONTROL, bit 3). Without option 43 it would.
/// - UEFI: an option 43 makes it start the discovery of boot servers all the same, so it gets none. Some versions take
///   the boot file from the offer, others ask again, by unicast to port 4011; both are answered.
/// - iPXE: takes script and next server from the offer.
package struct ProxyDHCP: Sendable {
    private let server: IPv4Address

    /// Where a request came in.
    package enum Port: Sendable {
        /// 67, where all clients broadcast.
        case dhcp
        /// 4011, where a client asks the proxy whose offer it took.
        case pxe
    }

    package init(server: IPv4Address) {
        self.server = server
    }

    package func received(
        _ message: DHCPMessage, on port: Port, client: BootClient, boot: BootAnswer
    ) -> DHCPOutcome {
        guard message.operation == .request else { return .silent(.ignored("a reply, not a request")) }
        guard client.program != .other else { return .silent(.ignored("no boot client")) }
        switch (message.type, port) {
        case (.discover, .dhcp):
            break
        case (.request, .pxe), (.inform, .pxe):
            break
        case (.request, .dhcp) where message.serverIdentifier == self.server:
            break
        default:
            return .silent(.ignored("meant for the DHCP server"))
        }
        if let refusal = boot.refusal { return .silent(.refused(refusal)) }
        guard boot.bootFile != nil else { return .silent(.ignored("nothing to boot")) }
        if message.type == .discover {
            let reply = self.reply(.offer, to: message, client, boot)
            return DHCPOutcome(
                reply: DHCPReply(reply, to: message), remark: .offered(nil, bootFile: boot.bootFile))
        }
        var reply = DHCPReply(self.reply(.ack, to: message, client, boot), to: message)
        if port == .pxe { reply.destination = .sender }
        return DHCPOutcome(reply: reply, remark: .acknowledged(nil, bootFile: boot.bootFile))
    }

    private func reply(
        _ type: DHCPMessageType, to message: DHCPMessage, _ client: BootClient, _ boot: BootAnswer
    ) -> DHCPMessage {
        var reply = message.reply(type, from: self.server)
        if type == .ack { reply.clientAddress = message.clientAddress }
        if client.program != .httpBoot { reply.options.append(.vendorClass("PXEClient")) }
        if client.program == .pxe, client.architecture ?? .bios == .bios {
            reply.options.append(.vendorSpecific(PXEVendorOption.useBootFile))
        }
        boot.apply(to: &reply, requested: message.parameterRequestList)
        reply.options.append(contentsOf: message.echoedOptions)
        return reply
    }
}

/// The sub-options of option 43 that PXE 2.1 defines.
enum PXEVendorOption {
    /// PXE_DISCOVERY_CONTROL (6) with bit 3: no boot server discovery, boot the file that this message names.
    static let useBootFile: [UInt8] = [6, 1, 0b1000, 255]
}
