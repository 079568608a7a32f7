// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Testing

/// The arrows of the house: which room may import which (docs/architecture.md draws it).
@Suite struct `Rooms import only what is below them` {
    /// Our own rooms by what they may import of our own.
    static let arrows: [String: Set<String>] = [
        "Wire": ["CCRC32C"],
        "Block": [],
        "SCSI": ["Wire", "Block"],
        "ISCSI": ["Wire"],
        "BootProtocols": ["Wire"],
        "BootStory": [],
        "BootHistory": ["BootStory"],
        "Model": ["BootProtocols"],
        "Certificates": [],
        "BlockStores": ["Wire", "Block", "CLinux"],
        "ISCSIServer": ["CLinux", "Wire", "Block", "SCSI", "ISCSI"],
        "Initiator": ["CLinux", "Wire", "ISCSI"],
        "BootServer": ["Wire", "BootProtocols", "CLinux"],
        "ControlAPI": ["BootStory", "Model"],
        "Shell": ["CLibedit", "ControlAPI", "Model"],
        "Control": [
            "Block", "BlockStores", "BootHistory", "BootProtocols", "BootServer", "BootStory", "Certificates", "CLinux",
            "ControlAPI", "ISCSI", "ISCSIServer", "Model", "SCSI", "Wire",
        ],
        "Export": ["Block", "BlockStores", "ISCSI", "ISCSIServer", "Model", "SCSI"],
        "ImageBuilder": ["CLinux", "Model"],
        "TryOut": ["BootStory", "CLinux", "ControlAPI", "Model"],
        "apus": [
            "BlockStores",
            "Block", "BootStory", "Control", "ControlAPI", "Export", "ImageBuilder", "Initiator", "ISCSI",
            "ISCSIServer", "Model", "Shell", "TryOut",
        ],
    ]

    /// What pure rooms may import besides: ByteBuffer is the one thing of NIO that they know.
    static let pureRooms: Set<String> = ["Wire", "Block", "SCSI", "ISCSI", "BootProtocols", "BootStory", "Model"]
    static let pureImports: Set<String> = ["NIOCore", "Synchronization"]
    /// What a single pure room imports besides: the login's CHAP needs hashes, which only reckon, and a large configuration
    /// tables that a changed copy shares with the one before.
    static let pureExceptions: [String: Set<String>] = ["ISCSI": ["Crypto"], "Model": ["HashTreeCollections"]]

    @Test func `every room stands in the table`() throws {
        let rooms = Set(try SourceTree.files(in: "Sources").map(\.room))
        #expect(rooms.subtracting(Self.arrows.keys).isEmpty)
    }

    @Test func `no room imports a room that the table does not allow it`() throws {
        let rooms = Set(Self.arrows.keys).union(["CCRC32C", "CLibedit", "CLinux"])
        for file in try SourceTree.files(in: "Sources") {
            let allowed = Self.arrows[file.room] ?? []
            for (module, line) in file.imports where rooms.contains(module) {
                #expect(allowed.contains(module), "\(file):\(line) imports \(module)")
            }
        }
    }

    @Test func `pure rooms import no sockets, files, clocks or event loops`() throws {
        for file in try SourceTree.files(in: "Sources") where Self.pureRooms.contains(file.room) {
            let allowed = Self.pureImports.union(Self.arrows[file.room] ?? [])
                .union(Self.pureExceptions[file.room] ?? [])
            for (module, line) in file.imports {
                #expect(allowed.contains(module), "\(file):\(line) imports \(module) into a pure room")
            }
        }
    }

    @Test(arguments: [
        ".random(", "SystemRandomNumberGenerator", ".shuffled()", ".randomElement()", "ContinuousClock",
        "SuspendingClock",
        ".now()", "EventLoop", "Task {", "Task.sleep", "print(", "FileDescriptor", "CommandLine",
    ])
    func `pure rooms decide and never do`(call: String) throws {
        for file in try SourceTree.files(in: "Sources") where Self.pureRooms.contains(file.room) {
            for (text, line) in file.code {
                #expect(!text.contains(call), "\(file):\(line) has \(call)")
            }
        }
    }
}
