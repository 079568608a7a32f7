// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

package import Block
package import NIOCore

/// Where a command that needs more than one step stands.
package enum CommandContinuation: Sendable {
    /// The store is doing the last thing; GOOD when it has.
    case good
    /// The cache is being flushed; then the range is read.
    case read(BlockRange)

    // VERIFY and WRITE AND VERIFY
    case verifyReadable(BlockRange)
    /// The last of it is being read; GOOD when it has been.
    case verified
    case verifyData(BlockRange)
    case verifyPattern(BlockRange)
    case verifiedPattern(rest: BlockRange, ByteBuffer)
    case writeAndVerify(BlockRange, compare: Bool)
    case verifyWritten(BlockRange, ByteBuffer)
    /// The store is comparing; GOOD when all is equal.
    case compared

    // COMPARE AND WRITE, ORWRITE
    case compareAndWrite(BlockRange, durable: Bool)
    case comparedAndWritten
    case orWrite(OrWrite)
    case orWriteRead(OrWrite)
    case orWriteWritten(OrWrite)

    // WRITE that ends within a block
    case partialBlockRead(PartialBlock)
    case partialBlockWritten(PartialBlock)

    // UNMAP, WRITE SAME, GET LBA STATUS
    case unmap(parameterListLength: Int, anchors: Bool)
    /// The ranges that are still to be anchored.
    case anchor(ArraySlice<BlockRange>)
    case writeSame(BlockRange, mayUnmap: Bool, durable: Bool)

    case lbaStatus(LBAStatus)

    case writeAtomic(BlockRange, durable: Bool)
    case passThrough(DeviceCommand)
    case extendedCopy(parameterListLength: Int)
    /// The units are copying.
    case copied(CopyTicket)
    case sanitize(SanitizeRequest)
    /// That the unit is to be sanitized is being kept; then the operation begins.
    case sanitizeBegins(isImmediate: Bool)
    case logUsage(LogRequest)
    case setIdentifyingInformation(InformationType, length: Int)
    /// The cache is being flushed, as it was switched off; then mode pages are saved.
    case saveModePages
    case modeSelect(ModeSelect)
    case persistentReserveOut(PersistentReserveOut)
    case setTargetPortGroups(parameterListLength: Int)
    /// Blocks from `lba` on are being read.
    case selfTest(SelfTest, lba: UInt64)
    /// What the unit remembers is being kept; then the command is over.
    case remembered(CommandResult)

    /// Whether a store that fails to read fails a verification.
    var isVerification: Bool {
        switch self {
        case .verifyReadable, .verified, .verifiedPattern, .compared, .verifyWritten: true
        default: false
        }
    }
}

extension LogicalUnit {
    /// The store has done what `.perform` asked for.
    mutating func resume(_ continuation: CommandContinuation, performed reply: BlockReply) -> TaskStep {
        switch (continuation, reply) {
        case (.good, _), (.verified, _): .finish(.good)
        case (.read(let range), _): .read(range)
        case (.verifyReadable(let range), _): self.verifyReadable(range)
        case (.verifyWritten(let range, let data), .done): .perform(.compare(range, data), .compared)
        case (.compared, .done), (.comparedAndWritten, .done), (.orWriteWritten, .done): .finish(.good)
        case (.compared, .miscompare), (.verifiedPattern, .miscompare): self.miscompare(at: nil)
        case (.comparedAndWritten, .miscompare(let offset)): self.miscompare(at: offset)
        case (.verifiedPattern(let rest, let block), .done): self.verifyPattern(rest, block)
        case (.orWriteRead(let operation), .data(let data)): self.orWrite(operation, read: data)
        case (.orWriteWritten(let operation), .miscompare): .perform(.read(operation.range), .orWriteRead(operation))
        case (.partialBlockRead(let rest), .data(let old)): rest.writeStep(over: old)
        case (.partialBlockWritten, .done): .finish(.good)
        case (.partialBlockWritten(let rest), .miscompare): rest.readStep
        case (.logUsage(let request), .usage(let taken, let free)):
            self.logUsage(request, takenBytes: taken, freeBytes: free)
        case (.selfTest(let test, _), _): self.passed(test)
        case (.saveModePages, _): self.remembering(.good)
        case (.lbaStatus(let status), .extent(let count, let state)): self.lbaStatus(status, count, state)
        case (.anchor(let rest), _): self.anchor(rest)
        default: preconditionFailure("\(continuation) cannot go on with \(reply)")
        }
    }

    /// The Data-Out that `.collect` asked for has come.
    mutating func resume(
        _ continuation: CommandContinuation, collected data: ByteBuffer, nexus: borrowing Nexus
    ) -> TaskStep {
        switch continuation {
        case .verifyData(let range): self.verifyData(range, data)
        case .verifyPattern(let range): self.verifyPattern(range, data)
        case .writeAndVerify(let range, let compare): self.writeAndVerify(range, compare: compare, data)
        case .compareAndWrite(let range, let durable): self.compareAndWrite(range, durable: durable, data)
        case .orWrite(let operation): self.orWrite(operation, mask: data)
        case .unmap(let length, let anchors): self.unmap(parameterListLength: length, anchors: anchors, data)
        case .writeSame(let range, let mayUnmap, let durable):
            self.writeSame(range, mayUnmap: mayUnmap, durable: durable, data)
        case .writeAtomic(let range, let durable): self.writeAtomic(range, durable: durable, data)
        case .passThrough(let command): .passThrough(DeviceCommand(cdb: command.cdb, dataOut: data))
        case .extendedCopy(let length): self.extendedCopy(length, data, nexus: nexus.id)
        case .setIdentifyingInformation(let type, let length): self.setIdentifyingInformation(type, length, data)
        case .sanitize(let request): self.sanitize(request, data)
        case .modeSelect(let command): self.modeSelect(command, data, nexus: nexus.id)
        case .setTargetPortGroups(let length):
            self.setTargetPortGroups(parameterListLength: length, data, copy nexus)
        case .persistentReserveOut(let command): self.persistentReserveOut(command, data, copy nexus)
        default: preconditionFailure("\(continuation) waits for the store, not for Data-Out")
        }
    }
}
