// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import HashTreeCollections
import Model
import Testing

@Suite("A machine's own kernel arguments")
struct ArgumentSlotTests {
    private let slot = ArgumentSlot(offsetBytes: 4096)

    @Test func `a line is as long as the empty one, whatever it says`() throws {
        let empty = Array("\(ArgumentSlot.emptyLine)\n".utf8)
        #expect(self.slot.isLine(empty))
        #expect(try #require(self.slot.line("")) == empty)
        let line = try #require(self.slot.line("quiet iscsi_target_ip=10.0.0.1"))
        #expect(line.count == self.slot.lineBytes)
        #expect(self.slot.isLine(line))
        #expect(String(decoding: line, as: UTF8.self).hasPrefix("set machine=\"quiet iscsi_target_ip=10.0.0.1   "))
    }

    @Test func `what GRUB would expand or end a string at is escaped`() throws {
        let line = String(decoding: try #require(self.slot.line("a=\"$b\\\"")), as: UTF8.self)
        #expect(line.hasPrefix("set machine=\"a=\\\"\\$b\\\\\\\" "))
    }

    @Test func `what does not fit into the line is refused`() {
        #expect(self.slot.line(String(repeating: "x", count: 1024))?.count == self.slot.lineBytes)
        #expect(self.slot.line(String(repeating: "x", count: 1025)) == nil)
        #expect(self.slot.line(String(repeating: "$", count: 513)) == nil)
        #expect(self.slot.line("a\nb") == nil)
    }

    @Test(arguments: [
        [], Array("set machine=\"\"\n".utf8), [UInt8](repeating: 0x20, count: 1024 + 13 + 2),
    ])
    func `other bytes are no such line`(_ bytes: [UInt8]) {
        #expect(!self.slot.isLine(bytes))
    }

    // MARK: What a configuration makes of it

    private func surroundings(
        _ attachment: Set<ImageManifest.Attachment>, slot: ArgumentSlot? = ArgumentSlot(offsetBytes: 4096)
    ) -> Surroundings {
        let image = BootableImage(
            diskPath: "/state/images/lab/disk.img", size: 1 << 30, kernelPath: "/state/images/lab/vmlinuz",
            initramfsPath: "/state/images/lab/initrd.img", kernelArguments: "root=/dev/sda2", attachment: attachment,
            argumentSlot: slot)
        return Surroundings(stateFolder: "/state", images: ["lab": image])
    }

    private func arguments(
        _ method: BootClient.Method, _ own: String?, in surroundings: Surroundings
    ) -> String? {
        var client = client("pc1", mac: "52:54:00:00:00:01", method: method)
        client.kernelArguments = own
        let configuration = Configuration(boot: Boot(services: services, clients: [client]))
        return configuration.expanded(in: surroundings).deployment.loaderArguments["/backstores/fileio/client:pc1"]
    }

    private let target =
        "initiator_name=iqn.2026-11.org.apus:pc1.initiator iscsi_target_ip=10.77.0.1 "
        + "iscsi_target_name=iqn.2026-11.org.apus:pc1"

    @Test func `the boot loader tells what iPXE's table does not`() {
        let both = self.surroundings([.arguments, .ibft])
        #expect(self.arguments(.sanboot, nil, in: both) == "")
        #expect(self.arguments(.sanboot, "quiet", in: both) == "quiet")
        #expect(self.arguments(.firmware, "quiet", in: both) == self.target + " quiet")
        #expect(self.arguments(.sanboot, nil, in: self.surroundings([.arguments])) == self.target)
        #expect(self.arguments(.sanboot, "quiet", in: self.surroundings([.arguments], slot: nil)) == nil)
    }

    @Test func `other arguments are written without closing the disk`() {
        func deployment(_ own: String) -> Deployment {
            var client = client("pc1", mac: "52:54:00:00:00:01")
            client.kernelArguments = own
            return Configuration(boot: Boot(services: services, clients: [client]))
                .expanded(in: self.surroundings([.arguments, .ibft])).deployment
        }
        let steps = Plan.diff(deployment("quiet"), deployment("debug"))
        #expect(steps == [.setLoaderArguments("/backstores/fileio/client:pc1", "debug")])
        let all = Plan.diff(Deployment(), deployment("quiet"))
        let opened = all.firstIndex { if case .openBackstore = $0 { true } else { false } }
        let written = all.firstIndex { if case .setLoaderArguments = $0 { true } else { false } }
        #expect(opened.map { $0 + 1 } == written)
    }

    private static let signatures: [(BootClient.Method, Bool?, Int)] = [
        (.firmware, true, 0), (.firmware, false, 1), (.firmware, nil, 1), (.kernel(.http), true, 0),
        (.kernel(.http), false, 1), (.kernel(.http), nil, 0),
    ]

    @Test(arguments: Self.signatures)
    func `Secure Boot is refused where the image is not signed`(
        _ method: BootClient.Method, _ isSigned: Bool?, _ problems: Int
    ) {
        var client = client("pc1", mac: "52:54:00:00:00:01", method: method)
        client.secureBoot = true
        var surroundings = self.surroundings([.arguments, .ibft])
        surroundings.images["lab"]?.isSigned = isSigned
        let configuration = Configuration(boot: Boot(services: services, clients: [client]))
        let found = configuration.validate(in: surroundings)
        #expect(found.map(\.path) == Array(repeating: "boot.clients[0].secure_boot", count: problems))
    }

    private static let refused: [(BootClient.Method, Set<ImageManifest.Attachment>, String)] = [
        (.kernel(.http), [.ibft], "sanboot or firmware"),
        (.sanboot, [.arguments], "use the method kernel"),
        (.firmware, [], "import the image anew"),
    ]

    @Test(arguments: Self.refused)
    func `a method that an image cannot boot by is refused`(
        _ method: BootClient.Method, _ attachment: Set<ImageManifest.Attachment>, _ remedy: String
    ) {
        let client = client("pc1", mac: "52:54:00:00:00:01", method: method)
        let configuration = Configuration(boot: Boot(services: services, clients: [client]))
        let problems = configuration.validate(in: self.surroundings(attachment, slot: nil))
        #expect(problems.map(\.path) == ["boot.clients[0].method"])
        #expect(problems.first?.remedy.contains(remedy) == true)
    }
}
