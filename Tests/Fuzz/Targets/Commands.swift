// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Block
import NIOCore
import SCSI

/// Any commands, one after the other, from two initiators.
func fuzzCommands(_ input: Input) {
    var input = input
    var device = Device(flags: input.byte())
    while !input.isEmpty {
        let who = input.byte()
        let length = min(input.number(), 4_096)
        var cdb = input.take(16)
        cdb += [UInt8](repeating: 0, count: 16 - cdb.count)
        device.execute(cdb, dataOut: input.take(length), from: who)
    }
}

/// One command whose parameter list is what is interesting: PERSISTENT RESERVE OUT, EXTENDED COPY.
///
/// It comes after two registrations and a reservation, so that there is something to act on.
func fuzzParameterList(_ input: Input, operationCode: UInt8) {
    var input = input
    var device = Device(flags: input.byte())
    for who: UInt8 in 0...1 {
        let register = [0x5F, 0x06, 0, 0, 0, 0, 0, 0, 24, 0] + [UInt8](repeating: 0, count: 6)
        device.execute(
            register, dataOut: [UInt8](repeating: 0, count: 15) + [who + 1] + [0, 0, 0, 0, 0, 0, 0, 0], from: who)
    }
    while !input.isEmpty {
        let who = input.byte()
        let action = input.byte()
        let type = input.byte()
        let list = input.take(min(input.number(), 4_096))
        let length = UInt8(list.count >> 8)
        let cdb: [UInt8] =
            operationCode == 0x83
            ? [0x83, action & 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, length, UInt8(list.count & 0xFF), 0, 0]
            : [0x5F, action & 0x1F, type, 0, 0, 0, 0, length, UInt8(list.count & 0xFF), 0, 0, 0, 0, 0, 0, 0]
        device.execute(cdb, dataOut: list, from: who)
    }
}
