// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Model
import Testing

@testable import TryOut

@Suite("Virtual machine")
struct MachineTests {
    private static func arguments(_ machine: VirtualMachine) -> [String] {
        QEMUCommand(machine: machine, tap: "tap0", variables: "/v", monitor: "/m").arguments
    }

    @Test(arguments: Firmware.allCases, NetworkCard.allCases)
    func `it has a network card and no disk`(_ firmware: Firmware, _ card: NetworkCard) {
        let arguments = Self.arguments(VirtualMachine(mac: "52:54:00:12:34:56", firmware: firmware, card: card))
        let drives = arguments.filter { $0.hasPrefix("if=") || $0.contains("media=") || $0.contains("virtio-blk") }
        #expect(drives.allSatisfy { $0.hasPrefix("if=pflash") })
        #expect(drives.isEmpty == (firmware == .bios))
        #expect(arguments.contains("tap,id=lan,ifname=tap0,script=no,downscript=no"))
        #expect(
            arguments.contains { $0.hasPrefix("\(card.device),netdev=lan,") && $0.contains("mac=52:54:00:12:34:56") })
        #expect(arguments.contains("-nodefaults") && arguments.contains("-no-reboot"))
    }

    @Test(arguments: [
        (Firmware.uefi, NetworkCard.virtioNet, true), (.uefi, .e1000, false), (.uefi, .e1000e, false),
        (.bios, .virtioNet, false),
    ])
    func `the card's ROM is left out where the firmware has a driver of its own`(
        _ firmware: Firmware, _ card: NetworkCard, _ leftOut: Bool
    ) {
        let arguments = Self.arguments(VirtualMachine(mac: "52:54:00:12:34:56", firmware: firmware, card: card))
        #expect(arguments.contains { $0.hasSuffix(",romfile=") } == leftOut)
    }

    @Test func `HTTP Boot is what is left when PXE is off`() {
        var machine = VirtualMachine(mac: "52:54:00:12:34:56")
        let switches = { Self.arguments(machine).filter { $0.hasSuffix("PXESupport,string=n") }.count }
        #expect(switches() == 0)
        machine.start = .http
        #expect(switches() == 2)
    }

    @Test func `with Secure Boot the firmware guards its variables`() {
        let machine = VirtualMachine(mac: "52:54:00:12:34:56", isSecureBoot: true)
        let arguments = Self.arguments(machine)
        #expect(arguments.contains("q35,smm=on"))
        #expect(arguments.contains("driver=cfi.pflash01,property=secure,value=on"))
        #expect(arguments.contains { $0.hasSuffix(QEMUCommand.securedCode) })
    }

    @Test func `what is missing is told with its package`() throws {
        let machine = VirtualMachine(mac: "52:54:00:12:34:56")
        try Requirements.check(machine, isThere: { _ in true }, isSuperuser: true)
        func refusal(_ missing: String, superuser: Bool = true, _ machine: VirtualMachine) -> TryOutError? {
            #expect(throws: TryOutError.self) {
                try Requirements.check(machine, isThere: { !$0.contains(missing) }, isSuperuser: superuser)
            }
        }
        #expect(refusal("OVMF", machine)?.description.hasSuffix("apt-get install ovmf") == true)
        #expect(refusal("qemu-system", machine)?.description.hasSuffix("apt-get install qemu-system-x86") == true)
        #expect(refusal("/dev/net/tun", machine)?.description.contains("modprobe tun") == true)
        #expect(refusal("-", superuser: false, machine)?.kind == .missingTool)
        #expect(refusal("nothing", superuser: false, machine)?.kind == .notPermitted)
        let fast = VirtualMachine(mac: "52:54:00:12:34:56", accelerator: .kvm)
        #expect(refusal("/dev/kvm", fast)?.description.contains("/dev/kvm") == true)
    }

    @Test func `the daemon of a try-out serves this client only`() {
        let client = BootClient(name: "pc1", mac: "52:54:00:12:34:56", source: .image("lab"))
        let configuration = Laboratory.configuration(for: client)
        #expect(configuration.boot.clients == [client])
        #expect(configuration.targets.isEmpty && configuration.storageObjects.isEmpty)
        #expect(configuration.boot.services?.interface == Laboratory.bridge)
        let image = BootableImage(
            diskPath: "/d", size: 1 << 30, kernelPath: "/k", initramfsPath: "/i", kernelArguments: "root=UUID=1")
        let surroundings = Surroundings(stateFolder: "/state", images: ["lab": image])
        #expect(configuration.validate(in: surroundings).filter { $0.severity == .error }.isEmpty)
    }
}
