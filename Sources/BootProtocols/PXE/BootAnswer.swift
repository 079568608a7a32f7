// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// What a client is told about booting.
package struct BootAnswer: Hashable, Sendable {
    /// A name for TFTP, or a URL.
    package var bootFile: String?
    /// Where TFTP names are to be had.
    package var nextServer: IPv4Address?
    /// Options for every answer to this client.
    package var options: [DHCPOption]
    /// Options for a client that asked for them (option 55).
    package var optionsOnRequest: [DHCPOption]
    /// Why a client that wants to boot gets no boot file.
    package var refusal: String?

    package init(
        bootFile: String? = nil, nextServer: IPv4Address? = nil, options: [DHCPOption] = [],
        optionsOnRequest: [DHCPOption] = [], refusal: String? = nil
    ) {
        self.bootFile = bootFile
        self.nextServer = nextServer
        self.options = options
        self.optionsOnRequest = optionsOnRequest
        self.refusal = refusal
    }

    package static let nothing = BootAnswer()

    /// Writes the answer into a reply.
    ///
    /// The boot file stands in the header's field, where BIOS PXE looks for it, and in option 67 for those that ask for
    /// that (UEFI HTTP Boot) or where the field is too short.
    func apply(to reply: inout DHCPMessage, requested: [UInt8]) {
        if let nextServer = self.nextServer { reply.nextServer = nextServer }
        if let bootFile = self.bootFile {
            let fits = bootFile.utf8.count < 128
            if fits { reply.bootFile = bootFile }
            if !fits || requested.contains(DHCPOptionCode.bootFileName) {
                reply.options.append(.bootFileName(bootFile))
            }
            if requested.contains(DHCPOptionCode.tftpServerName), let nextServer = self.nextServer {
                reply.options.append(.tftpServerName(nextServer.description))
            }
        }
        reply.options += self.options
        reply.options += self.optionsOnRequest.filter { requested.contains($0.code) }
    }
}
