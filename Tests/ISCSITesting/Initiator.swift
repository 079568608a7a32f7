// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import ISCSI
package import NIOCore
private import Wire

/// The initiator's half of a session's numbers: gives requests their CmdSN, and checks StatSN, ExpCmdSN and MaxCmdSN
/// of every answer (RFC 7143 §4.2.2).
package struct Initiator: Sendable {
    package var cmdSN: UInt32
    package var headerDigest = false
    package var dataDigest = false
    /// What the target did that it must not; empty at a good test's end.
    package private(set) var complaints: [String] = []
    package private(set) var expCmdSN: UInt32
    package private(set) var maxCmdSN: UInt32
    private var expStatSN: UInt32?
    private var framer = PDUFramer(maxDataSegmentLength: 0xff_ffff)
    private var nextTag: UInt32 = 1

    package init(cmdSN: UInt32 = 1) {
        self.cmdSN = cmdSN
        self.expCmdSN = cmdSN
        self.maxCmdSN = cmdSN
    }

    /// A tag that no task of this initiator has had.
    package mutating func freshTag() -> UInt32 {
        defer { self.nextTag += 1 }
        return self.nextTag
    }

    /// The request's bytes with the next CmdSN, or at once and without a place in the order where `isImmediate`.
    package mutating func send(_ request: Request, isImmediate: Bool = false) -> ByteBuffer {
        var request = request
        request.cmdSN = self.cmdSN
        if isImmediate {
            request.header[0] |= 0x40
        } else {
            self.cmdSN &+= 1
        }
        return self.encode(request)
    }

    /// The request's bytes as they are, with the digests in force: for Data-Out, and for what breaks the rules.
    package func encode(_ request: Request) -> ByteBuffer {
        request.encode(headerDigest: self.headerDigest, dataDigest: self.dataDigest)
    }

    /// Cuts what the target has sent into PDUs and checks their numbers.
    package mutating func receive(_ bytes: ByteBuffer) -> [PDU] {
        self.framer.hasHeaderDigest = self.headerDigest
        self.framer.hasDataDigest = self.dataDigest
        self.framer.append(bytes)
        var answers: [PDU] = []
        do {
            while let pdu = try self.framer.next() {
                self.check(pdu)
                answers.append(pdu)
            }
        } catch {
            self.complaints.append("an answer cannot be cut: \(error)")
        }
        return answers
    }

    /// The next answer is to carry this StatSN: one that was lost comes again.
    package mutating func expectStatus(_ statSN: UInt32) {
        self.expStatSN = statSN
    }

    /// Bytes of an answer that is not whole.
    package var leftOver: Int {
        self.framer.bufferedBytes
    }

    private mutating func check(_ pdu: PDU) {
        guard let opcode = pdu.header.opcode, opcode.rawValue >= 0x20 else {
            self.complaints.append("an answer has an initiator's opcode")
            return
        }
        if opcode != .dataIn || pdu.advancesStatSN {
            if let expected = self.expStatSN, pdu.statSN != expected {
                self.complaints.append("\(opcode): StatSN \(pdu.statSN), expected \(expected)")
            }
            self.expStatSN = pdu.advancesStatSN ? pdu.statSN &+ 1 : pdu.statSN
        }
        // Numbers that contradict each other are ignored (RFC 7143 §4.2.2.1); a login knows no others before it joins.
        if opcode == .loginResponse, SerialNumber(pdu.maxCmdSN).precedes(SerialNumber(pdu.expCmdSN &- 1)) { return }
        if SerialNumber(pdu.expCmdSN).precedes(SerialNumber(self.expCmdSN)) {
            self.complaints.append("\(opcode): ExpCmdSN went back from \(self.expCmdSN) to \(pdu.expCmdSN)")
        }
        if SerialNumber(self.cmdSN).precedes(SerialNumber(pdu.expCmdSN)) {
            self.complaints.append("\(opcode): ExpCmdSN \(pdu.expCmdSN), but only \(self.cmdSN) commands were sent")
        }
        if self.expStatSN != nil, SerialNumber(pdu.maxCmdSN).precedes(SerialNumber(self.maxCmdSN)) {
            self.complaints.append("\(opcode): MaxCmdSN went back from \(self.maxCmdSN) to \(pdu.maxCmdSN)")
        }
        if SerialNumber(pdu.maxCmdSN).precedes(SerialNumber(pdu.expCmdSN &- 1)) {
            self.complaints.append("\(opcode): MaxCmdSN \(pdu.maxCmdSN) lies before ExpCmdSN \(pdu.expCmdSN)")
        }
        self.expCmdSN = pdu.expCmdSN
        self.maxCmdSN = pdu.maxCmdSN
    }
}
