// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Foundation
import Testing

@testable import ImageBuilder

@Suite("Files of an image")
struct BuildFilesTests {
    private static let initScript = String(decoding: PackageResources.init_iscsi_sh, as: UTF8.self)

    @Test func `every script is one that the shell can read`() throws {
        let steps = BuildFiles.all.map { ($0.name, $0.content) }
        let files = ImageTemplate.builtIn.flatMap(\.files).map { ($0.path, $0.content) }
        for (name, content) in steps + files where name.hasSuffix(".sh") {
            let check = try Shell.run("sh -n", input: String(decoding: content, as: UTF8.self))
            #expect(check.status == 0, "\(name): \(check.output)")
        }
    }

    @Test func `every file that a step takes is in the program`() {
        let names = Set(BuildFiles.all.map(\.name))
        for step in ["assemble-initramfs.sh", "adopt-root.sh", "configure-root.sh"] {
            for piece in BuildFiles.text(step).split(separator: "$files/").dropFirst() {
                let name = String(piece.prefix { $0.isLetter || $0.isNumber || "-._".contains($0) })
                // These are written by the build, from the recipe.
                guard !["root-password", "authorized_keys", "overlay", "modules", "contents", "units"].contains(name)
                else {
                    continue
                }
                #expect(names.contains(name), "\(step) takes \(name)")
            }
        }
    }

    /// A LUN as the kernel shows that of an iBFT: every byte in hexadecimal, without leading zeroes.
    @Test(arguments: [
        ("00000000", 0), ("01000000", 1), ("0f000000", 15), ("010000000", 16), ("0ff000000", 255),
        ("410000000", 256), ("411000000", 257), ("4112000000", 274), ("", 0), ("x", 0),
    ])
    func `the LUN of an iBFT is read`(_ digits: String, _ lun: Int) throws {
        let script = Self.initScript
        let start = try #require(script.range(of: "lun_of_digits() {"))
        let end = try #require(script[start.lowerBound...].range(of: "\n}\n"))
        let function = script[start.lowerBound..<end.upperBound]
        let answer = try Shell.run("sh", input: function + "lun_of_digits '\(digits)'\n")
        #expect(answer.output == "\(lun)\n")
    }

    /// The kernel's arguments, and what the script makes of them.
    @Test(arguments: [
        ("initiator_name=iqn.i iscsi_target_ip=10.0.0.1 iscsi_target_name=iqn.t", "iqn.i 10.0.0.1 iqn.t - -"),
        (
            "ro initiator_name=iqn.i iscsi_target_ip=10.0.0.1 iscsi_target_name=iqn.t:a=b iscsi_target_port=3261 "
                + "iscsi_lun=7 quiet", "iqn.i 10.0.0.1 iqn.t:a=b 3261 7"
        ),
        ("root=UUID=1 rw", "- - - - -"),
    ])
    func `the kernel's arguments are read`(_ line: String, _ expected: String) throws {
        let script = Self.initScript
        let start = try #require(script.range(of: "read_arguments() {"))
        let end = try #require(script[start.lowerBound...].range(of: "\n}\n"))
        let function = script[start.lowerBound..<end.upperBound].replacing("$(cat /proc/cmdline)", with: line)
        let answer = try Shell.run(
            "sh",
            input: function
                + "read_arguments; echo ${initiator:--} ${address:--} ${target:--} ${port:--} ${lun:--}\n")
        #expect(answer.output == expected + "\n")
    }
}
