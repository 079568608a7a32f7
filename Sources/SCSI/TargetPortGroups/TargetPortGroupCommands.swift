// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import NIOCore

extension CommandDescriptor {
    /// REPORT and SET TARGET PORT GROUPS (SPC-4).
    static let targetPortGroups: [CommandDescriptor] = [
        CommandDescriptor(
            "REPORT TARGET PORT GROUPS", [0xA3, 0xEA, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            serviceAction: 0x0A, .always, .targetPortGroups,
            handler: { unit, cdb, _ in unit.reportTargetPortGroups(cdb) }),
        CommandDescriptor(
            "SET TARGET PORT GROUPS", [0xA4, 0x0A, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            serviceAction: 0x0A, .writes, .targetPortGroups,
            handler: { unit, cdb, _ in unit.setTargetPortGroups(cdb) }),
    ]
}

extension LogicalUnit {
    /// PARAMETER DATA FORMAT 000b, or 001b with the header that tells how long implicit transitions take.
    fileprivate func reportTargetPortGroups(_ cdb: CDB) -> TaskStep {
        let format = cdb[1] >> 5
        guard format <= 0b001 else { return self.check(.invalidFieldInCDB(1, bit: 7)) }
        var body = ByteBuffer()
        if format == 0b001 {
            body.writeInteger(UInt8(0x10))
            body.writeInteger(self.ports.groups.map(\.implicitTransitionSeconds).max() ?? 0)
            body.writeInteger(UInt16(0))
        }
        for group in self.ports.groups {
            let relativePorts = self.ports.relativePorts(ofGroup: group.id, self.nexuses.values)
            body.writeInteger(group.state.rawValue | (group.isPreferred ? 0x80 : 0x00))
            body.writeInteger(group.supportedStates.reduce(UInt8(0)) { $0 | $1.supportBit })
            body.writeInteger(group.id)
            body.writeInteger(UInt8(0))
            body.writeInteger(group.change.rawValue)
            body.writeInteger(UInt8(0))
            body.writeInteger(UInt8(clamping: relativePorts.count))
            for port in relativePorts.prefix(255) {
                body.writeInteger(UInt16(0))
                body.writeInteger(port)
            }
        }
        var data = ByteBuffer(integer: UInt32(body.readableBytes))
        data.writeImmutableBuffer(body)
        return .finish(.good(data.cut(to: Int(clamping: cdb.uint32(6)))))
    }

    /// Offered where any of the groups may be changed so. An empty list changes nothing.
    fileprivate func setTargetPortGroups(_ cdb: CDB) -> TaskStep {
        guard self.ports.groups.contains(where: \.hasExplicitTransitions) else {
            return self.check(Sense(.illegalRequest, .invalidOperationCode))
        }
        let length = Int(clamping: cdb.uint32(6))
        guard length > 0 else { return .finish(.good) }
        guard length >= 8, length.isMultiple(of: 4), length <= Limits.setTargetPortGroupsBytes else {
            return self.check(.parameterListLengthError)
        }
        return .collect(byteCount: length, .setTargetPortGroups(parameterListLength: length))
    }

    /// The parameter list has come. Either all groups change their states or none:
    ///
    ///     0  reserved (4)    4 + 4n  ASYMMETRIC ACCESS STATE (bits 0 to 3)    + 2  TARGET PORT GROUP (2)
    mutating func setTargetPortGroups(parameterListLength: Int, _ list: ByteBuffer, _ nexus: Nexus) -> TaskStep {
        var list = list
        guard list.readableBytes == parameterListLength, list.readInteger(as: UInt32.self) != nil else {
            return self.check(.parameterListLengthError)
        }
        var changed = self.ports
        var offset = 4
        while let (flags, _, id) = list.readMultipleIntegers(as: (UInt8, UInt8, UInt16).self) {
            guard let index = changed.groups.firstIndex(where: { $0.id == id }) else {
                return self.check(.invalidFieldInParameterList(offset + 2))
            }
            let group = changed.groups[index]
            guard let state = AccessState(rawValue: flags & 0x0F), group.hasExplicitTransitions,
                group.supportedStates.contains(state), state != .transitioning, state != .offline
            else { return self.check(.invalidFieldInParameterList(offset, bit: 3)) }
            changed.groups[index].move(to: state, .bySetTargetPortGroups, by: nexus.id)
            offset += 4
        }
        let isChanged = zip(self.ports.groups, changed.groups).contains { $0.state != $1.state }
        self.ports = changed
        if isChanged { self.attentions.addForAll(.asymmetricAccessStateChanged, except: nexus.id) }
        for group in changed.groups where group.keepsState && group.change == .bySetTargetPortGroups {
            let configured = self.configuredPorts.groups.first { $0.id == group.id }?.state ?? .activeOptimized
            self.keptPortStates[group.id] = KeptPortState(configured: configured, set: group.settledState)
        }
        return self.remembering(.good)
    }
}
