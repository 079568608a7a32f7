// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import NIOCore

/// A command that is refused before anything is done for it, while its unsolicited data is still on the way: the response
/// waits for the last of that (RFC 7143 §11.4.2), which is dropped.
extension TargetConnection {
    /// Answers a command that nothing was done for.
    package mutating func refuse(
        _ command: SCSICommand, status: UInt8, sense: ByteBuffer? = nil, isFenced: Bool = false,
        output: inout ByteBuffer
    ) {
        guard command.writes, !command.header.isFinal, case .pending(let data) = self.beginDataOut(command, wanted: 0)
        else {
            return self.complete(command, status: status, sense: sense, isFenced: isFenced, output: &output)
        }
        self.consumed(data.readableBytes, of: command.initiatorTaskTag)
        self.session.tasks[command.initiatorTaskTag]?.refusal = OpenCommand.Refusal(
            status: status, sense: sense, isFenced: isFenced)
    }

    mutating func endRefused(_ task: OpenCommand, _ output: inout ByteBuffer) {
        guard let refusal = task.refusal else { return }
        self.complete(
            task.command, status: refusal.status, sense: refusal.sense, isFenced: refusal.isFenced, output: &output)
    }
}
