// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
internal import NIOCore

extension CommandDescriptor {
    /// EXTENDED COPY (LID1) (SPC-4).
    static let extendedCopy: [CommandDescriptor] = [
        CommandDescriptor(
            "EXTENDED COPY (LID1)",
            [
                0x83, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x04,
            ],
            serviceAction: 0x00, .writes, .thirdPartyCopy,
            handler: { unit, cdb, _ in unit.extendedCopy(cdb) })
    ]
}

/// An EXTENDED COPY by its list identifier, while the units copy.
package struct CopyTicket: Sendable {
    var listIdentifier: UInt8?
}

extension LogicalUnit {
    fileprivate func extendedCopy(_ cdb: CDB) -> TaskStep {
        let length = cdb.uint32(10)
        guard length > 0 else { return .finish(.good) }
        guard length >= UInt32(CopyParameterList.headerLength),
            length <= UInt32(CopyParameterList.headerLength + Limits.copyDescriptorListBytes)
        else { return self.check(.parameterListLengthError) }
        return .collect(byteCount: Int(length), .extendedCopy(parameterListLength: Int(length)))
    }

    /// The parameter list has come.
    mutating func extendedCopy(_ length: Int, _ list: ByteBuffer, nexus: UInt64) -> TaskStep {
        guard list.readableBytes == length else { return self.check(.parameterListLengthError) }
        let copy: CopyParameterList
        do throws(CopyListError) {
            copy = try CopyParameterList(parsing: list)
        } catch {
            return self.check(error.sense)
        }
        switch self.copies.begin(copy.listIdentifier, nexus: nexus) {
        case .begun:
            return .copy(CopyMachine(copy), .copied(CopyTicket(listIdentifier: copy.listIdentifier)))
        case .identifierInUse:
            return self.check(Sense(.illegalRequest, .operationInProgress))
        case .tooMany:
            return .finish(CommandResult(status: .busy))
        }
    }

    /// The copy is over.
    mutating func copied(_ ticket: CopyTicket, _ outcome: CopyOutcome, nexus: UInt64) -> TaskStep {
        self.copies.end(ticket.listIdentifier, nexus: nexus, outcome)
        return outcome.failure.map { self.check($0) } ?? .finish(.good)
    }

    /// How far a copy is, for those who ask with RECEIVE COPY RESULTS.
    package mutating func copying(_ continuation: CommandContinuation, _ progress: CopyOutcome, nexus: UInt64) {
        guard case .copied(let ticket) = continuation else { return }
        self.copies.advance(ticket.listIdentifier, nexus: nexus, progress)
    }

    /// A copy was aborted with its command: there are no results.
    package mutating func copyAborted(_ continuation: CommandContinuation, nexus: UInt64) {
        guard case .copied(let ticket) = continuation else { return }
        self.copies.forget(ticket.listIdentifier, nexus: nexus)
    }

    /// Whether `device` is a name of this unit.
    package func isNamed(by device: CopyDevice) -> Bool {
        guard device.association == 0, !self.settings.passesThrough, self.offers(.thirdPartyCopy) else { return false }
        switch device.designatorType {
        case 0x1: return device.codeSet == 0x2 && device.designator == Array(self.t10Designator.readableBytesView)
        case 0x3: return device.codeSet == 0x1 && device.designator == Array(self.naaDesignator.readableBytesView)
        default: return false
        }
    }

    /// What `transfer` asks of this unit's store; nil where a command for the same would be refused.
    package func admit(_ transfer: CopyTransfer, nexus: borrowing Nexus) -> BlockRequest? {
        guard self.info.geometry.contains(transfer.range), self.medium.notReady == nil, self.sanitizing == nil,
            !self.hasInactivePorts || self.ports.group(of: nexus).state.isActive
        else { return nil }
        switch transfer {
        case .read(let range):
            return self.conflicts(.reads, nexus) ? nil : .read(range)
        case .write(let range, let data):
            guard !self.conflicts(.writes, nexus), self.writeProtection(nexus) == nil else { return nil }
            return .write(range, data, durable: self.isDurable(forceUnitAccess: false))
        }
    }
}
