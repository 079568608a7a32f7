// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

public import NIOCore

/// The contract of a SCSI device that is passed through as it is: whatever it is, it takes commands and answers them.
public protocol PassThroughDevice: AnyObject, Sendable {
    /// Has the device perform `command` and reports its answer exactly once, inline or later, on any thread.
    func perform(_ command: DeviceCommand, completion: @escaping @Sendable (DeviceAnswer) -> Void)

    /// Resets the device, which ends its commands, and reports why it could not be, exactly once, on any thread.
    func reset(completion: @escaping @Sendable (BlockError?) -> Void)
}

/// A command for a device.
public struct DeviceCommand: Sendable {
    /// The command descriptor block, as long as its operation code says.
    public var cdb: [UInt8]
    /// Empty where the initiator sends none.
    public var dataOut: ByteBuffer
    /// The most bytes that the initiator takes; with Data-Out 0.
    public var dataInLength: Int

    public init(cdb: [UInt8], dataOut: ByteBuffer = ByteBuffer(), dataInLength: Int = 0) {
        self.cdb = cdb
        self.dataOut = dataOut
        self.dataInLength = dataInLength
    }
}

/// What became of a command.
public enum DeviceAnswer: Sendable {
    /// The device answered.
    case status(DeviceStatus)
    /// The device did not come to answer.
    case failure(DeviceFailure)
}

/// A device's own answer.
public struct DeviceStatus: Sendable {
    /// The SCSI status.
    public var status: UInt8
    /// As the device wrote it; empty where it has nothing to say.
    public var sense: ByteBuffer
    public var dataIn: ByteBuffer
    /// How much of the Data-Out it took.
    public var takenBytes: Int

    public init(status: UInt8, sense: ByteBuffer = ByteBuffer(), dataIn: ByteBuffer = ByteBuffer(), takenBytes: Int = 0)
    {
        self.status = status
        self.sense = sense
        self.dataIn = dataIn
        self.takenBytes = takenBytes
    }
}

/// Why a device did not come to answer.
public enum DeviceFailure: Hashable, Sendable {
    /// It has as many commands as it is given at a time.
    case full
    /// It did not answer in the time that such a command may take.
    case timedOut
    /// The host cannot move that much at once, or does not pass such a command on.
    case refused
    /// It is gone, or the way to it is broken.
    case unreachable
}
