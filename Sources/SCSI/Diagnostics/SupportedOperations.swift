// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import NIOCore

extension CommandDescriptor {
    /// REPORT SUPPORTED OPERATION CODES and REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS (SPC-4).
    static let supportedOperations: [CommandDescriptor] = [
        CommandDescriptor(
            "REPORT SUPPORTED OPERATION CODES",
            [0xA3, 0x0C, 0x87, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            serviceAction: 0x0C, .always, .operationCodes,
            handler: { unit, cdb, _ in unit.reportSupportedOperationCodes(cdb) }),
        CommandDescriptor(
            "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS",
            [0xA3, 0x0D, 0x80, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            serviceAction: 0x0D, .always,
            handler: { unit, cdb, nexus in unit.reportSupportedTaskManagementFunctions(cdb, nexus) }),
        // The transport answers this, as it knows the other LUNs; the entry is here to be reported.
        CommandDescriptor(
            "REPORT LUNS", [0xA0, 0x00, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04],
            .always, .ignoresUnitAttention,
            handler: { unit, _, _ in unit.check(Sense(.hardwareError, .internalTargetFailure)) }),
    ]
}

extension LogicalUnit {
    /// REPORTING OPTIONS: all commands, or one by its operation code and, where it has one, service action.
    fileprivate func reportSupportedOperationCodes(_ cdb: CDB) -> TaskStep {
        let withTimeouts = cdb.has(0x80, at: 2)
        let code = cdb[3]
        let action = cdb.uint16(4)
        let table = CommandTable.standard
        let data: ByteBuffer
        switch cdb[2] & 0x07 {
        case 0b000:
            data = self.allCommands(withTimeouts: withTimeouts)
        case 0b001:
            guard !table.hasServiceActions(code) else { return self.check(.invalidFieldInCDB(3)) }
            data = self.oneCommand(table.index(operationCode: code, serviceAction: nil), withTimeouts)
        case 0b010:
            guard !table.isKnown(code) || table.hasServiceActions(code) else {
                return self.check(.invalidFieldInCDB(3))
            }
            data = self.oneCommand(table.index(operationCode: code, serviceAction: action), withTimeouts)
        case 0b011:
            let index = table.index(operationCode: code, serviceAction: table.hasServiceActions(code) ? action : nil)
            data = self.oneCommand(index, withTimeouts)
        default:
            return self.check(.invalidFieldInCDB(2, bit: 2))
        }
        return .finish(.good(data.cut(to: Int(clamping: cdb.uint32(6)))))
    }

    private func offers(_ command: CommandDescriptor) -> Bool {
        self.offers(command.access.traits)
    }

    /// Command descriptors of eight bytes, or twenty with their timeouts.
    private func allCommands(withTimeouts: Bool) -> ByteBuffer {
        let commands = CommandTable.standard.commands.filter { self.offers($0) }
        let length = withTimeouts ? 20 : 8
        var data = ByteBuffer()
        data.reserveCapacity(4 + length * commands.count)
        data.writeInteger(UInt32(length * commands.count))
        for command in commands {
            data.writeInteger(command.operationCode)
            data.writeInteger(UInt8(0))
            data.writeInteger(command.serviceAction ?? 0)
            data.writeInteger(UInt8(0))
            // CTDP in bit 1, SERVACTV in bit 0.
            data.writeInteger(UInt8((withTimeouts ? 0x02 : 0x00) | (command.serviceAction == nil ? 0x00 : 0x01)))
            data.writeInteger(UInt16(command.usage.count))
            if withTimeouts { data.writeTimeoutsDescriptor() }
        }
        return data
    }

    /// SUPPORT 011b (as the standard has it) with the usage data, or 001b for a command that is not there.
    private func oneCommand(_ index: Int?, _ withTimeouts: Bool) -> ByteBuffer {
        var data = ByteBuffer()
        data.writeInteger(UInt8(0))
        guard let index, case let command = CommandTable.standard.commands[index], self.offers(command) else {
            data.writeInteger(UInt8(0x01))
            data.writeInteger(UInt16(0))
            return data
        }
        data.writeInteger(UInt8(withTimeouts ? 0x83 : 0x03))
        data.writeInteger(UInt16(command.usage.count))
        data.writeBytes(command.usage.prefix(1))
        data.writeInteger(command.usage[1] & ~(self.settings.refusedAccessBits & command.access.accessBits))
        data.writeBytes(command.usage.dropFirst(2))
        if withTimeouts { data.writeTimeoutsDescriptor() }
        return data
    }

    /// What the transport offers: ABORT TASK, ABORT TASK SET, CLEAR ACA, CLEAR TASK SET, LOGICAL UNIT RESET; where the
    /// session has them, QUERY TASK, QUERY ASYNCHRONOUS EVENT, QUERY TASK SET and I_T NEXUS RESET too.
    fileprivate func reportSupportedTaskManagementFunctions(_ cdb: CDB, _ nexus: borrowing Nexus) -> TaskStep {
        let allocationLength = cdb.uint32(6)
        guard allocationLength >= 4 else { return self.check(.invalidFieldInCDB(6)) }
        let isExtended = cdb.has(0x80, at: 2)
        var data = ByteBuffer()
        // ATS, ATSS, CACAS, CTSS, LURS; QTS
        data.writeInteger(UInt8(0x80 | 0x40 | 0x20 | 0x10 | 0x08) | (nexus.hasTaskQueries ? 0x04 : 0))
        data.writeInteger(UInt8(nexus.hasTaskQueries ? 0x04 | 0x02 | 0x01 : 0))  // QAES, QTSS, ITNRS
        data.writeInteger(UInt8(0))
        data.writeInteger(UInt8(isExtended ? 12 : 0))
        if isExtended { data.writeRepeatingByte(0, count: 12) }
        return .finish(.good(data.cut(to: Int(clamping: allocationLength))))
    }
}

extension ByteBuffer {
    /// No command has a time-out that could be told in advance.
    fileprivate mutating func writeTimeoutsDescriptor() {
        self.writeInteger(UInt16(0x000A))
        self.writeRepeatingByte(0, count: 10)
    }
}
