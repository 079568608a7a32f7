// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import NIOCore

/// A DHCP message: what was parsed and written again parses to the same options.
func fuzzDHCP(_ input: Input) {
    var input = input
    guard let message = try? DHCPMessage.parse(input.buffer().readableBytesSpan) else { return }
    _ = BootClient(message)
    // Longer names than the fields hold, as bytes that are no UTF-8 become, are for options: encoding asks for that.
    guard message.serverName.utf8.count < 64, message.bootFile.utf8.count < 128 else { return }
    let (bytes, omitted) = message.encode(maximumBytes: 65_535)
    guard omitted.isEmpty, let again = try? DHCPMessage.parse(bytes.readableBytesSpan), again == message else {
        broken("\(message) is another one when written again")
    }
}

/// A TFTP packet, and a request's terms.
func fuzzTFTP(_ input: Input) {
    var input = input
    guard let packet = try? TFTPPacket.parse(input.buffer().readableBytesSpan) else { return }
    if case .readRequest(let request) = packet {
        let terms = TFTPTerms(request, size: 1 << 20, blockBytesMax: 1_468)
        guard (8...65_464).contains(terms.blockBytes), terms.windowBlocks >= 1 else { broken("terms \(terms)") }
    }
    // Nothing is acknowledged by no option.
    if case .optionAcknowledgement(let options) = packet, options.isEmpty { return }
    // Bytes that are no UTF-8 grow when they are written again, maybe beyond what a request may have.
    let encoded = packet.encode()
    guard encoded.readableBytes <= 512 else { return }
    guard let again = try? TFTPPacket.parse(encoded.readableBytesSpan) else {
        broken("\(packet) cannot be read when written again")
    }
    if case .data = packet, again != packet { broken("\(packet) became \(again)") }
}
