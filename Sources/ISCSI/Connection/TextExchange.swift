// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore

/// A text negotiation that may take several PDUs in either direction (RFC 7143 §11.10, §11.11).
struct TextExchange: Sendable {
    /// What the initiator has sent with the C bit set.
    var gathered = ByteBuffer()
    /// What is left of an answer that does not fit into one PDU.
    var remainder = ByteBuffer()
    /// The tag by which the initiator asks for the rest.
    var targetTransferTag = reservedTag
}

extension TargetConnection {
    mutating func receivedText(
        _ pdu: PDU, _ directory: some TargetDirectory, _ output: inout ByteBuffer
    ) -> Inbound {
        let isContinued = pdu.header.flags & 0x40 != 0
        let transferTag = pdu.header[field: 20]
        if transferTag == reservedTag {
            // A new exchange; the one before, if it was not finished, is forgotten.
            self.text = TextExchange()
        } else if transferTag != self.text.targetTransferTag {
            self.reject(pdu.header, .protocolError, &output)
            return .nothing
        }
        guard !(isContinued && pdu.header.isFinal),
            self.text.gathered.readableBytes + pdu.data.readableBytes <= Limits.textLength
        else {
            self.text = TextExchange()
            self.reject(pdu.header, .protocolError, &output)
            return .nothing
        }
        self.text.gathered.writeImmutableBuffer(pdu.data)
        if isContinued {
            self.writeText(pdu.header, ByteBuffer(), isFinal: false, isContinued: false, &output)
            return .nothing
        }
        if self.text.remainder.readableBytes == 0 {
            do throws(KeyValueText.ParseError) {
                self.text.remainder = try self.answers(KeyValueText.parse(self.text.gathered), directory)
            } catch {
                self.text = TextExchange()
                self.reject(pdu.header, .protocolError, &output)
                return .nothing
            }
            self.text.gathered.clear()
        }
        self.writeNextAnswer(pdu.header, &output)
        return .nothing
    }

    private mutating func answers(_ pairs: [KeyValue], _ directory: some TargetDirectory) -> ByteBuffer {
        var answers: [KeyValue] = []
        for pair in pairs {
            if pair.key == "SendTargets" {
                answers += self.sendTargets(pair.value, directory)
            } else if let answer = self.negotiation.receivedInFullFeaturePhase(pair) {
                answers.append(answer)
            } else if pair.key == "MaxRecvDataSegmentLength", let length = parseKeyNumber(pair.value) {
                self.parameters.initiatorMaxRecvDataSegmentLength = min(
                    Int(length), self.parameters.maxXmitDataSegmentLength)
            }
        }
        return KeyValueText.encode(answers)
    }

    /// SendTargets (RFC 7143 appendix C): All in a discovery session only, a name, or nothing for the session's own.
    private func sendTargets(_ value: String, _ directory: some TargetDirectory) -> [KeyValue] {
        let name: String?
        switch value {
        case "All":
            guard self.login.isDiscovery else { return [KeyValue("SendTargets", "Reject")] }
            name = nil
        case "":
            guard let own = self.login.identity.targetName else { return [KeyValue("SendTargets", "Reject")] }
            name = own
        default:
            name = value.lowercased()
        }
        return directory.targets(named: name).flatMap { target in
            [KeyValue("TargetName", target.name)] + target.addresses.map { KeyValue("TargetAddress", $0) }
        }
    }

    private mutating func writeNextAnswer(_ request: BasicHeaderSegment, _ output: inout ByteBuffer) {
        let limit = self.parameters.initiatorMaxRecvDataSegmentLength
        if self.text.remainder.readableBytes > limit, let part = self.text.remainder.readSlice(length: limit) {
            self.writeText(request, part, isFinal: false, isContinued: true, &output)
        } else {
            let rest = self.text.remainder
            self.text = TextExchange()
            self.writeText(request, rest, isFinal: request.isFinal, isContinued: false, &output)
        }
    }

    private mutating func writeText(
        _ request: BasicHeaderSegment, _ text: ByteBuffer, isFinal: Bool, isContinued: Bool,
        _ output: inout ByteBuffer
    ) {
        var header = BasicHeaderSegment(.textResponse, flags: (isFinal ? 0x80 : 0) | (isContinued ? 0x40 : 0))
        header.lun = request.lun
        header.initiatorTaskTag = request.initiatorTaskTag
        if isFinal {
            header[field: 20] = reservedTag
        } else {
            if self.text.targetTransferTag == reservedTag {
                self.text.targetTransferTag = self.session.takeTransferTag()
            }
            header[field: 20] = self.text.targetTransferTag
        }
        self.writeNumbered(&header, data: text, &output)
    }
}
