// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

extension CommandDescriptor {
    /// PERSISTENT RESERVE IN (SPC-4).
    static let persistentReserveIn: [CommandDescriptor] = [
        Self.reserveIn("READ KEYS", 0x00) { $0.readKeys() },
        Self.reserveIn("READ RESERVATION", 0x01) { $0.readReservation() },
        Self.reserveIn("REPORT CAPABILITIES", 0x02) { $0.reservationCapabilities() },
        Self.reserveIn("READ FULL STATUS", 0x03) { $0.readFullStatus() },
    ]

    private static func reserveIn(
        _ name: String, _ action: UInt8, _ body: @escaping @Sendable (LogicalUnit) -> ByteBuffer
    ) -> CommandDescriptor {
        CommandDescriptor(
            "PERSISTENT RESERVE IN: \(name)", [0x5E, action, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x04],
            serviceAction: UInt16(action), .unlessReserved, .reservations,
            handler: { unit, cdb, _ in .finish(.good(body(unit).cut(to: Int(cdb.uint16(7))))) })
    }
}

extension LogicalUnit {
    fileprivate func readKeys() -> ByteBuffer {
        self.withReservationHeader { body in
            for registration in self.persistent.registrations {
                body.writeInteger(registration.key)
            }
        }
    }

    fileprivate func readReservation() -> ByteBuffer {
        self.withReservationHeader { body in
            guard let reservation = self.persistent.reservation else { return }
            body.writeInteger(self.persistent.holderKey ?? 0)
            body.writeInteger(UInt32(0))
            body.writeInteger(UInt8(0))
            body.writeInteger(reservation.type.rawValue)  // scope 0: the logical unit
            body.writeInteger(UInt16(0))
        }
    }

    fileprivate func readFullStatus() -> ByteBuffer {
        self.withReservationHeader { body in
            for registration in self.persistent.registrations {
                let isHolder = self.persistent.isHolder(registration)
                let type = isHolder ? self.persistent.reservation?.type.rawValue ?? 0 : 0
                let transportID = TransportID.encode(registration.port.initiatorPort)
                body.writeInteger(registration.key)
                body.writeInteger(UInt32(0))
                // ALL_TG_PT in bit 1, R_HOLDER in bit 0.
                body.writeInteger(UInt8((registration.port.targetPort == nil ? 0x02 : 0x00) | (isHolder ? 0x01 : 0x00)))
                body.writeInteger(type)
                body.writeInteger(UInt32(0))
                body.writeInteger(registration.port.targetPort?.relativePort ?? 0)
                body.writeInteger(UInt32(transportID.readableBytes))
                body.writeImmutableBuffer(transportID)
            }
        }
    }

    /// SIP_C, ATP_C and, where there is a memory, PTPL_C; no CRH. TMV and PTPL_A, and the six types in the mask.
    fileprivate func reservationCapabilities() -> ByteBuffer {
        let outlivesPower: UInt8 = self.memoryState == nil ? 0x00 : 0x01
        let isActivated: UInt8 = self.persistent.isActivated ? 0x01 : 0x00
        return ByteBuffer(bytes: [0x00, 0x08, 0x0C | outlivesPower, 0x80 | isActivated, 0xEA, 0x01, 0x00, 0x00])
    }

    /// PRGENERATION and ADDITIONAL LENGTH, then what `write` adds.
    private func withReservationHeader(_ write: (inout ByteBuffer) -> Void) -> ByteBuffer {
        var body = ByteBuffer()
        write(&body)
        var data = ByteBuffer()
        data.writeInteger(self.persistent.generation)
        data.writeInteger(UInt32(body.readableBytes))
        data.writeImmutableBuffer(body)
        return data
    }
}
