// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// Every command of a direct-access unit, found by operation code and service action.
struct CommandTable: Sendable {
    static let standard = CommandTable([
        CommandDescriptor.unitState,
        CommandDescriptor.inquiry,
        CommandDescriptor.capacity,
        CommandDescriptor.modeSense,
        CommandDescriptor.reads,
        CommandDescriptor.writes,
        CommandDescriptor.writeAtomic,
        CommandDescriptor.cache,
        CommandDescriptor.verifies,
        CommandDescriptor.compareAndWrite,
        CommandDescriptor.provisioning,
        CommandDescriptor.modeSelect,
        CommandDescriptor.logSense,
        CommandDescriptor.logSelect,
        CommandDescriptor.identifyingInformation,
        CommandDescriptor.sanitize,
        CommandDescriptor.extendedCopy,
        CommandDescriptor.receiveCopyResults,
        CommandDescriptor.supportedOperations,
        CommandDescriptor.diagnostics,
        CommandDescriptor.reserveRelease,
        CommandDescriptor.targetPortGroups,
        CommandDescriptor.persistentReserveIn,
        CommandDescriptor.persistentReserveOut,
    ])

    /// In the order of operation code and service action.
    let commands: [CommandDescriptor]
    /// For each operation code: an index into `commands`, `none`, or `several`.
    private let slots: [Int16]

    private static let none: Int16 = -1
    private static let several: Int16 = -2

    init(_ families: [[CommandDescriptor]]) {
        let commands = families.flatMap { $0 }.sorted {
            ($0.operationCode, $0.serviceAction ?? 0) < ($1.operationCode, $1.serviceAction ?? 0)
        }
        var slots = [Int16](repeating: Self.none, count: 256)
        for (index, command) in commands.enumerated() {
            let code = Int(command.operationCode)
            slots[code] = command.serviceAction == nil ? Int16(index) : Self.several
        }
        self.commands = commands
        self.slots = slots
    }

    /// Where in `commands` the CDB's command is, nil where there is none.
    func index(of cdb: CDB) -> Int? {
        let slot = self.slots[Int(cdb.operationCode)]
        guard slot < 0 else { return Int(slot) }
        guard slot == Self.several else { return nil }
        let action = cdb.operationCode == 0x7F ? cdb.uint16(8) : cdb.serviceAction
        return self.index(operationCode: cdb.operationCode, serviceAction: action)
    }

    func index(operationCode: UInt8, serviceAction: UInt16?) -> Int? {
        self.commands.firstIndex {
            $0.operationCode == operationCode && $0.serviceAction == serviceAction
        }
    }

    func isKnown(_ operationCode: UInt8) -> Bool {
        self.slots[Int(operationCode)] != Self.none
    }

    func hasServiceActions(_ operationCode: UInt8) -> Bool {
        self.slots[Int(operationCode)] == Self.several
    }
}
