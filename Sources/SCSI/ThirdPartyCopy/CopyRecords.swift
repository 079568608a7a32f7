// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

/// The copies that a unit was asked for, for RECEIVE COPY RESULTS: those under way, and what became of the last ones.
struct CopyRecords: Sendable {
    struct Record: Sendable {
        var nexus: UInt64
        var listIdentifier: UInt8
        var outcome = CopyOutcome()
        var isOver = false
    }

    enum Beginning {
        case begun
        case identifierInUse
        case tooMany
    }

    /// The oldest first.
    private var records: [Record] = []
    /// Copies under way without a list identifier.
    private var anonymous = 0

    mutating func begin(_ identifier: UInt8?, nexus: UInt64) -> Beginning {
        let running = self.anonymous + self.records.count { !$0.isOver }
        guard running < Limits.concurrentCopies else { return .tooMany }
        guard let identifier else {
            self.anonymous += 1
            return .begun
        }
        if let index = self.index(identifier, nexus) {
            guard self.records[index].isOver else { return .identifierInUse }
            self.records.remove(at: index)
        }
        if self.records.count >= Limits.copyRecords, let oldest = self.records.firstIndex(where: \.isOver) {
            self.records.remove(at: oldest)
        }
        self.records.append(Record(nexus: nexus, listIdentifier: identifier))
        return .begun
    }

    mutating func advance(_ identifier: UInt8?, nexus: UInt64, _ progress: CopyOutcome) {
        guard let identifier, let index = self.index(identifier, nexus) else { return }
        self.records[index].outcome = progress
    }

    mutating func end(_ identifier: UInt8?, nexus: UInt64, _ outcome: CopyOutcome) {
        guard let identifier else {
            self.anonymous -= 1
            return
        }
        guard let index = self.index(identifier, nexus) else { return }
        self.records[index].outcome = outcome
        self.records[index].isOver = true
    }

    mutating func forget(_ identifier: UInt8?, nexus: UInt64) {
        guard let identifier else {
            self.anonymous -= 1
            return
        }
        self.records.removeAll { $0.nexus == nexus && $0.listIdentifier == identifier }
    }

    /// Results are the nexus's, and go with it.
    mutating func nexusEnded(_ nexus: UInt64) {
        self.records.removeAll { $0.nexus == nexus }
    }

    func record(_ identifier: UInt8, nexus: UInt64) -> Record? {
        self.index(identifier, nexus).map { self.records[$0] }
    }

    private func index(_ identifier: UInt8, _ nexus: UInt64) -> Int? {
        self.records.firstIndex { $0.nexus == nexus && $0.listIdentifier == identifier }
    }
}
