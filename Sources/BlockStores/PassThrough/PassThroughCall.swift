// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

internal import Block
internal import CLinux
internal import Glibc
internal import NIOCore
internal import SystemPackage

/// One command by SG_IO.
enum PassThroughCall {
    /// Has the device perform `command`, and waits for it.
    static func perform(
        _ command: DeviceCommand, by descriptor: SystemPackage.FileDescriptor, _ node: SCSIDeviceNode
    ) -> DeviceAnswer {
        var data = command.dataOut
        let length = data.readableBytes > 0 ? data.readableBytes : command.dataInLength
        let writes = data.readableBytes > 0
        if !writes { data = Self.room(for: length) }
        var sense = [UInt8](repeating: 0, count: 252)
        var call = unsafe clinux_scsi_command()
        unsafe call.cdb_length = UInt8(clamping: command.cdb.count)
        unsafe call.writes = writes
        unsafe call.data_length = UInt32(clamping: length)
        unsafe call.timeout_milliseconds = Self.timeoutSeconds(of: command.cdb.first ?? 0, node) * 1000
        let result = unsafe command.cdb.withUnsafeBufferPointer { cdb in
            unsafe sense.withUnsafeMutableBufferPointer { sense in
                // Within the readable bytes: what is given, or the room for what comes.
                unsafe data.withUnsafeMutableReadableBytes { data in
                    unsafe call.cdb = cdb.baseAddress
                    unsafe call.sense = sense.baseAddress
                    unsafe call.data = data.baseAddress
                    return unsafe clinux_scsi(descriptor.rawValue, &call)
                }
            }
        }
        guard result == 0 else { return .failure(Self.failure(-result)) }
        let (hostStatus, status) = unsafe (call.host_status, call.status)
        guard hostStatus == 0 else { return .failure(Self.timeOuts.contains(hostStatus) ? .timedOut : .unreachable) }
        let moved = unsafe max(0, length - Int(call.residual))
        var answer = DeviceStatus(status: status & 0x7E)
        answer.sense.writeBytes(unsafe sense.prefix(Int(call.sense_length)))
        if writes {
            answer.takenBytes = moved
        } else {
            answer.dataIn = data.getSlice(at: data.readerIndex, length: moved) ?? ByteBuffer()
        }
        return .status(answer)
    }

    /// Zeroed, so that a device that says more than it brings shows nothing of this process.
    private static func room(for length: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeRepeatingByte(0, count: length)
        return buffer
    }

    private static func failure(_ number: CInt) -> DeviceFailure {
        switch number {
        case EINVAL, EPERM, EACCES, E2BIG: .refused
        case ENOMEM, EAGAIN, EBUSY: .full
        case ETIMEDOUT: .timedOut
        default: .unreachable
        }
    }

    /// DID_TIME_OUT and DID_ABORT of linux/scsi/scsi_host.h.
    private static let timeOuts: Set<UInt16> = [0x03, 0x05]

    /// How long a command may take: what rewrites the medium takes hours, a tape winds for minutes.
    private static func timeoutSeconds(of operationCode: UInt8, _ node: SCSIDeviceNode) -> UInt32 {
        switch operationCode {
        // FORMAT UNIT or MEDIUM, ERASE, SANITIZE, BLANK
        case 0x04, 0x19, 0x48, 0xA1: Limits.passThroughLongSeconds
        default: node.isDisk ? Limits.passThroughDiskSeconds : Limits.passThroughOtherSeconds
        }
    }
}
