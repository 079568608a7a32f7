// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ArgumentParser
import Control
import ControlAPI
import ImageBuilder
import Initiator
import TryOut

/// What the program ends with when it could not do what it was asked: the values of sysexits(3), so that scripts can
/// tell a typing error from a missing file.
enum ExitStatus: Int32 {
    /// The command line is wrong (EX_USAGE).
    case usage = 64
    /// A file's content is wrong (EX_DATAERR).
    case badData = 65
    /// A file that was named does not exist or cannot be read (EX_NOINPUT).
    case noInput = 66
    /// Something named in the configuration does not exist: a client, a target (EX_NOUSER).
    case unknownName = 67
    /// The daemon does not answer, or a tool is not installed (EX_UNAVAILABLE).
    case unavailable = 69
    /// It failed for a reason of its own, which the line tells (EX_SOFTWARE).
    case failed = 70
    /// A file could not be made (EX_CANTCREAT).
    case cannotCreate = 73
    /// Reading or writing failed midway (EX_IOERR).
    case ioError = 74
    /// It may work when tried again (EX_TEMPFAIL).
    case tryAgain = 75
    /// Not permitted to this user (EX_NOPERM).
    case noPermission = 77
    /// The configuration is wrong (EX_CONFIG).
    case badConfiguration = 78
}

/// An error as the user sees it: one line that names the cause and the remedy, and an exit status.
struct Failure: Error {
    var status: ExitStatus
    var message: String

    init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }

    /// The failure that `error` is to the user; nil for a clean end (`--help`, an `ExitCode`).
    init?(_ error: any Error) {
        switch error {
        case let failure as Failure:
            self = failure
        case is ExitCode, is CleanExit:
            return nil
        case let error as ImageError:
            self.init(error)
        case let error as TryOutError:
            self.init(error)
        case let error as ControlError:
            self.init(error)
        case let error as FileProblem:
            self.init(error)
        case let error as InitiatorError:
            self.init(error)
        case let error as ChangeFailure:
            self.init(error)
        default:
            let code = Apus.exitCode(for: error)
            guard code != .success else { return nil }
            if code == .validationFailure {
                self.init(.usage, Self.usageLine(of: error))
            } else {
                self.init(.failed, Apus.message(for: error))
            }
        }
    }

    /// What was wrong with the command line, and where to read how it is used.
    private static func usageLine(of error: any Error) -> String {
        let hint =
            Apus.fullMessage(for: error, columns: 500).split(separator: "\n")
            .first { $0.contains("for more information") }
            .map { $0.drop { $0 == " " } }
        let message = Apus.message(for: error).split(separator: "\n").joined(separator: " ")
        let sentence = message.isEmpty || message.hasSuffix(".") || hint == nil ? message : message + "."
        return [sentence, hint.map(String.init)].compactMap(\.self).filter { !$0.isEmpty }.joined(separator: " ")
    }

    /// Writes the line, or one for each of several problems, to standard error.
    func report() {
        for line in self.message.split(separator: "\n") {
            StandardError.write("apus: \(line)\n")
        }
    }
}
