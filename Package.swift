// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import PackageDescription

let house: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
    .strictMemorySafety(),
    // The tests, which are built for debugging, have these checks; a release pays 5 % of a read for them (docs/speed.md).
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioExtras: Target.Dependency = .product(name: "NIOExtras", package: "swift-nio-extras")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
    name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let trees: Target.Dependency = .product(name: "HashTreeCollections", package: "swift-collections")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let arguments: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")

/// A room of the house: one target, one folder in Sources.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: house)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name + "Tests", dependencies: dependencies, swiftSettings: house)
}

let package = Package(
    name: "apus",
    products: [.executable(name: "apus", targets: ["apus"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    targets: [
        // Pure rooms: bytes and events in, bytes and effects out.
        .target(name: "CCRC32C"),
        room("Wire", ["CCRC32C"]),
        room("Block", [nioCore]),
        room("SCSI", ["Wire", "Block", nioCore]),
        room("ISCSI", ["Wire", nioCore, crypto]),
        room("BootProtocols", ["Wire", nioCore]),
        room("BootStory", []),
        room("Model", ["BootProtocols", trees]),

        // Edge rooms: sockets, files, processes.
        room("BlockStores", ["Wire", "Block", "CLinux", nioCore, nioPosix, system, crypto, cryptoExtras]),
        room(
            "ISCSIServer",
            ["CLinux", "Wire", "Block", "SCSI", "ISCSI", nioCore, nioPosix, logging]),
        room("Initiator", ["CLinux", "Wire", "ISCSI", nioCore, nioPosix, histogram, system]),
        room(
            "BootServer",
            ["Wire", "BootProtocols", nioCore, nioPosix, logging, hummingbird, lifecycle, system]),
        room("Shell", ["CLibedit", "ControlAPI", "Model", nioCore, nioPosix]),
        room("ControlAPI", ["BootStory", "Model", nioCore, nioPosix, nioHTTP1, nioTLS, nioSSL]),
        // The boots that were, in an SQLite database.
        room("BootHistory", ["BootStory", grdb]),
        // The authority whose certificates this host serves by.
        room("Certificates", [crypto, cryptoExtras, x509, asn1]),
        room(
            "Control",
            [
                "Block", "BlockStores", "BootHistory", "BootProtocols", "BootServer", "BootStory", "Certificates",
                "CLinux", "ControlAPI", "ISCSI", "ISCSIServer", "Model", "SCSI", "Wire", trees, nioCore, nioPosix,
                nioExtras,
                nioSSL, logging, lifecycle, hummingbird, hummingbirdCore, hummingbirdTLS, signals, system,
            ]),
        room(
            "Export",
            ["Block", "BlockStores", "ISCSI", "ISCSIServer", "Model", "SCSI", nioPosix, logging, lifecycle, crypto]),
        .target(
            name: "ImageBuilder", dependencies: ["Model", crypto, subprocess, system],
            resources: [.embedInCode("Resources")], swiftSettings: house),
        room("TryOut", ["BootStory", "ControlAPI", "Model", nioCore, subprocess, system]),

        // libedit (Debian: libedit-dev), for lines that can be edited.
        .target(name: "CLibedit", linkerSettings: [.linkedLibrary("edit")]),
        // The system calls that Swift's Glibc module leaves out.
        .target(name: "CLinux"),

        // The program: argument parsing only.
        .executableTarget(
            name: "apus",
            dependencies: [
                "Block", "BlockStores", "BootStory", "Control", "ControlAPI", "Export", "ImageBuilder",
                "Initiator", "ISCSI", "ISCSIServer", "Model", "SCSI", "Shell", "TryOut", arguments, logging, lifecycle,
                signals,
                nioCore,
                system, nioPosix,
            ],
            swiftSettings: house),

        // The least that serving a block can cost here, for make bench to compare with.
        .executableTarget(name: "bench-floor", path: "Benchmarks/Floor"),
        // What the pure rooms take for each I/O, and that it is no allocation.
        .executableTarget(
            name: "bench-rooms", dependencies: ["Block", "CAllocations", "ISCSI", "SCSI", nioCore],
            path: "Benchmarks/Rooms", swiftSettings: house),
        .target(name: "CAllocations", path: "Benchmarks/CAllocations"),

        tests("HouseRules", []),
        // What the iSCSI tests share: an initiator that is made of bytes.
        .target(
            name: "ISCSITesting", dependencies: ["ISCSI", "Wire", nioCore], path: "Tests/ISCSITesting",
            swiftSettings: house),
        tests("Wire", ["Wire", "ISCSITesting", nioCore]),
        tests("SCSI", ["SCSI", "Block", "Wire", nioCore]),
        tests("ISCSI", ["ISCSI", "ISCSITesting", "Wire", nioCore]),
        tests("BlockStores", ["BlockStores", "Block", "Wire", nioCore, nioPosix, system]),
        tests(
            "ISCSIServer",
            ["ISCSIServer", "ISCSITesting", "BlockStores", "Block", "SCSI", "ISCSI", nioCore, nioPosix, logging]),
        tests(
            "Initiator",
            ["Initiator", "ISCSI", "ISCSIServer", "BlockStores", "Block", "SCSI", nioCore, nioPosix, logging, system]),
        tests("BootProtocols", ["BootProtocols", "Wire", nioCore]),
        tests("BootServer", ["BootServer", "BootProtocols", logging, nioCore, nioPosix]),
        tests("BootStory", ["BootStory"]),
        tests("BootHistory", ["BootHistory", "BootStory"]),
        tests("Model", ["Model", trees]),
        tests(
            "Control",
            [
                "Block", "BlockStores", "BootHistory", "BootProtocols", "BootServer", "BootStory", "Certificates",
                "Control",
                "ControlAPI", "ISCSI",
                "ISCSIServer", "SCSI",
                "Model", logging, nioCore, nioPosix, system,
            ]),
        .testTarget(
            name: "ShellTests", dependencies: ["BootStory", "Shell", "ControlAPI", "Model"], exclude: ["Golden"],
            swiftSettings: house),
        // Runs the built program.
        tests("Program", []),
        tests("ImageBuilder", ["ImageBuilder", "Model", system]),
        tests("TryOut", ["TryOut", "BootStory", "Model"]),
    ]
)

// libFuzzer brings its own `main`: its targets are there only for scripts/fuzz.
if Context.environment["APUS_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz", dependencies: ["Block", "BootProtocols", "ISCSI", "SCSI", nioCore], path: "Tests/Fuzz",
            exclude: ["corpus"], swiftSettings: house))
}
