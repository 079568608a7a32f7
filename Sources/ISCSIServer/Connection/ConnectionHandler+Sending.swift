// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import Glibc
import ISCSI
import NIOCore

/// Data-In that the kernel sends from the memory in which it has a file, without a copy of ours (sendfile).
extension ConnectionHandler {
    /// Gives the channel one Data-In PDU whose blocks it sends from the unit's file. False where that is not possible, or
    /// not without waiting: then nothing has been written.
    func sendNow(_ blocks: BlockRange, _ length: Int, _ transfer: inout DataInTransfer, _ unit: ServedUnit) -> Bool {
        // A digest needs the bytes, and so does a connection that may have to say them again. A relay takes one buffer.
        guard let context = self.context, !self.connection.parameters.dataDigest,
            self.connection.parameters.errorRecoveryLevel == 0, let file = unit.file, file.canSend(blocks),
            let offset = Int(exactly: blocks.lba * UInt64(unit.blockSize)), let handle = self.handle(of: unit, file)
        else { return false }
        // What was answered before leaves before.
        if self.output.readableBytes > 0 { self.flush() }
        var header = self.channel.allocator.buffer(capacity: self.connection.dataInHeaderLength)
        self.connection.writeDataInHeader(&transfer, length: length, output: &header)
        let region = FileRegion(fileHandle: handle, readerIndex: offset, endIndex: offset + length)
        context.write(self.wrapOutboundOut(header), promise: nil)
        context.write(NIOAny(IOData.fileRegion(region)), promise: nil)
        self.unflushedBytes += header.readableBytes + length
        return true
    }

    private func handle(of unit: ServedUnit, _ file: any FileBackedStore) -> NIOFileHandle? {
        if let sent = self.sentFiles.first(where: { $0.unit === unit }) { return sent.handle }
        guard self.sentFiles.count < ServerLimits.filesSentFrom else { return nil }
        let descriptor = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else { return nil }
        let sent = SentFile(unit, NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: descriptor))
        self.sentFiles.append(sent)
        return sent.handle
    }
}

/// A unit's file as one connection sends from it: a handle serves one event loop at a time.
final class SentFile {
    let unit: ServedUnit
    let handle: NIOFileHandle

    init(_ unit: ServedUnit, _ handle: NIOFileHandle) {
        self.unit = unit
        self.handle = handle
    }

    deinit {
        // Nobody is left to hear of a failure, and nothing was written.
        try? self.handle.close()
    }
}
