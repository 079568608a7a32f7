// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Hummingbird
import NIOCore

/// The secret that those who use the API by TCP have to know (RFC 6750): whoever has it may do everything.
struct APIToken: Sendable {
    private let bytes: [UInt8]

    /// The one in `<state>/api.token`, which is made where there is none.
    init(stateFolder: String) throws(FileProblem) {
        let path = Self.path(in: stateFolder)
        do {
            if !SystemFiles.exists(path) { try Self.make(at: path) }
            let text = try SystemFiles.read(path)
            self.bytes = Array(text.readableBytesView.prefix { $0 > 0x20 })
        } catch {
            throw FileProblem("use the API's token \(path)", error)
        }
        guard self.bytes.count >= Limits.shortestToken else {
            throw FileProblem(
                .badContent,
                "\(path) has no token of \(Limits.shortestToken) characters or more; remove it to get a new one")
        }
    }

    static func path(in stateFolder: String) -> String {
        "\(stateFolder)/api.token"
    }

    private static func make(at path: String) throws {
        var dice = SystemRandomNumberGenerator()
        let token = (0..<Limits.tokenDigits).map { _ in
            String(UInt8.random(in: 0...15, using: &dice), radix: 16)
        }.joined()
        try SystemFiles.makeFolder(SystemFiles.folder(of: path), mode: 0o750)
        try SystemFiles.write(token + "\n", to: path, mode: 0o600)
    }

    /// Whether a header's value is `Bearer` and the token. How long it takes tells nothing but the value's length.
    func isIn(authorization value: String?) -> Bool {
        guard let value, value.utf8.count > 7, value.prefix(7).lowercased() == "bearer " else { return false }
        let given = Array(value.utf8.dropFirst(7))
        guard given.count == self.bytes.count else { return false }
        return zip(given, self.bytes).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// Lets only those in who know the token.
struct TokenCheck: RouterMiddleware {
    typealias Context = BasicRequestContext

    let token: APIToken

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard self.token.isIn(authorization: request.headers[.authorization]) else {
            let words = "the API's token is missing or wrong; send the one in api.token of the daemon's state folder"
            var answer = try Routes.answer(ErrorReport(error: words), status: .unauthorized)
            answer.headers[.wwwAuthenticate] = "Bearer"
            answer.headers[.connection] = "close"
            return answer
        }
        return try await next(request, context)
    }
}
