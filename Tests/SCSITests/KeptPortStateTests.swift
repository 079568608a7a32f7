// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import NIOCore
import SCSI
import Testing

@Suite("SET TARGET PORT GROUPS and restarts")
struct KeptPortStateTests {
    private static func unit(
        _ memory: UnitMemory, state: AccessState = .activeOptimized, keepsState: Bool = true
    ) -> UnitUnderTest {
        var test = UnitUnderTest(memory: memory)
        test.unit.setTargetPortGroups(Self.groups(state, keepsState: keepsState))
        _ = test.run([0x03, 0, 0, 0, 18, 0])
        return test
    }

    private static func groups(_ state: AccessState, keepsState: Bool = true) -> TargetPortGroups {
        TargetPortGroups(groups: [.init(id: 5, state: state, keepsState: keepsState)])
    }

    /// Brings group 5 into a state.
    private static func set(_ test: inout UnitUnderTest, _ state: UInt8) -> CommandResult {
        test.execute(bytes("A4 0A 00 00 00 00 00 00 00 08 00 00"), dataOut: [0, 0, 0, 0, state, 0, 0, 5])
    }

    /// What the unit remembers, read again as after a restart.
    private static func kept(_ test: UnitUnderTest) throws -> UnitMemory {
        guard let kept = test.kept else { return UnitMemory() }
        return try UnitMemory.read(kept.text(ofUnit: UnitUnderTest.serial), ofUnit: UnitUnderTest.serial)
    }

    @Test func `a state that was set is in force again, where the group keeps it`() throws {
        for (keepsState, state) in [(true, AccessState.standby), (false, .activeOptimized)] {
            var test = Self.unit(UnitMemory(), keepsState: keepsState)
            #expect(Self.set(&test, 2).status == .good)
            #expect(test.unit.ports.groups.map(\.state) == [.standby])
            let after = Self.unit(try Self.kept(test), keepsState: keepsState)
            #expect(after.unit.ports.groups.map(\.state) == [state])
        }
    }

    @Test func `a configuration that has changed since is what counts`() throws {
        var test = Self.unit(UnitMemory())
        #expect(Self.set(&test, 2).status == .good)
        var after = Self.unit(try Self.kept(test), state: .activeNonOptimized)
        #expect(after.unit.ports.groups.map(\.state) == [.activeNonOptimized])
        // While it runs, too.
        test.unit.setTargetPortGroups(Self.groups(.unavailable))
        #expect(test.unit.ports.groups.map(\.state) == [.unavailable])
        #expect(Self.set(&after, 0).status == .good)
        let last = Self.unit(try Self.kept(after), state: .activeNonOptimized)
        #expect(last.unit.ports.groups.map(\.state) == [.activeOptimized])
    }

    @Test func `what cannot be kept is an error`() {
        var test = Self.unit(UnitMemory())
        test.canKeep = false
        #expect(Self.set(&test, 2).senseText == "04/44/00")
    }
}
