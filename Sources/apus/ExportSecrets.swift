// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Glibc
import ISCSI
import Model

/// The secrets of `apus export`, wherever they come from. No message repeats what was written, which may be one.
struct ExportSecrets {
    var chap: String?
    var mutual: String?
    var algorithms: String

    func authentication() throws -> Authentication {
        let user = try Self.credentials("--chap", self.chap, environment: "APUS_CHAP")
        let target = try Self.credentials("--mutual-chap", self.mutual, environment: "APUS_MUTUAL_CHAP")
        guard let user else {
            guard target == nil else {
                throw Failure(.usage, "--mutual-chap alone proves nothing of initiators; give --chap USER:SECRET too")
            }
            return .none
        }
        guard target?.secret != user.secret else {
            throw Failure(.usage, "--chap and --mutual-chap have the same secret, which proves nothing; use two")
        }
        let numbers = self.algorithms.split(separator: ",").map { UInt8($0).flatMap(CHAPAlgorithm.init(rawValue:)) }
        let known = numbers.compactMap(\.self)
        guard !known.isEmpty, known.count == numbers.count else {
            throw Failure(.usage, "--chap-algorithms \(self.algorithms): write some of 8,7,6,5, the best first")
        }
        return .required(CHAPTerms(initiator: user, target: target, algorithms: known))
    }

    private static func credentials(
        _ option: String, _ argument: String?, environment: String
    ) throws -> CHAPCredentials? {
        let inherited = unsafe getenv(environment).map { unsafe String(cString: $0) }
        guard let text = argument ?? inherited, !text.isEmpty else { return nil }
        let account = try CHAPText.account(text, option: argument == nil ? environment : option)
        return account.map { CHAPCredentials(name: $0.name, secret: CHAPSecret($0.secret)) }
    }
}
