// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import BootProtocols
import Hummingbird
import NIOCore

/// What machines ask and tell of themselves.
extension BootResponder {
    /// A machine that the configuration does not know.
    func meet(_ script: StrangerScript) async -> Response {
        self.observer(.unknownMachine(script.mac))
        let images = await self.catalogue.directory.enrolmentImages()?.prefix(Limits.menuImagesMax)
        return Self.script(images.map { script.menu(images: Array($0)) } ?? script.unknown)
    }

    /// Only the machine itself may make itself known: whoever asks from elsewhere could fill the configuration.
    func enrol(_ wish: EnrolmentRequest, _ context: Context) async -> Response {
        guard self.addresses.machine(at: context.remote) == wish.mac else {
            return Self.script(
                self.catalogue.script(
                    after: .refused(reason: "\(wish.mac) is not known to have the address that asks"), of: wish.mac))
        }
        return Self.script(self.catalogue.script(after: await self.catalogue.directory.enrol(wish), of: wish.mac))
    }

    /// A report of a machine's operating system; which machine it is, its address says.
    func receive(_ request: Request, _ context: Context) async -> Response {
        guard let body = try? await request.body.collect(upTo: Limits.reportBytesMax),
            let report = BootReport(String(buffer: body))
        else { return Self.text(.badRequest, "no report\n") }
        self.observer(
            .reported(self.addresses.machine(at: context.remote), remote: context.remote?.ipAddress ?? "-", report))
        return Self.text(.ok, "thank you\n")
    }
}
