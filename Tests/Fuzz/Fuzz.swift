// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc

/// libFuzzer's side of the fuzz targets: it brings its own `main`, which calls these two (scripts/fuzz says how).
@_cdecl("LLVMFuzzerInitialize")
public func initializeFuzzing(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>>
) -> CInt {
    let name = unsafe getenv("FUZZ_TARGET").map { unsafe String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else {
        print("FUZZ_TARGET is one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
        exit(64)
    }
    unsafe chosen = target
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: data, count: count))
    unsafe chosen.run(Input(bytes))
    return 0
}

/// Set once, before the first input.
nonisolated(unsafe) private var chosen = FuzzTarget.framing

/// A parser or a machine that strangers feed. Each must take any bytes without a trap, and keep its promises.
enum FuzzTarget: String, CaseIterable {
    case framing, login, text, connection, commands, reservations, copy, dhcp, tftp

    func run(_ input: Input) {
        switch self {
        case .framing: fuzzFraming(input)
        case .login: fuzzLogin(input)
        case .text: fuzzText(input)
        case .connection: fuzzConnection(input)
        case .commands: fuzzCommands(input)
        case .reservations: fuzzParameterList(input, operationCode: 0x5F)
        case .copy: fuzzParameterList(input, operationCode: 0x83)
        case .dhcp: fuzzDHCP(input)
        case .tftp: fuzzTFTP(input)
        }
    }
}

/// What a target must never do; libFuzzer keeps the input.
func broken(_ promise: String) -> Never {
    fatalError(promise)
}
