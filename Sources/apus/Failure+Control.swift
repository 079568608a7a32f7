// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import Control
import ControlAPI
import Model

extension Failure {
    init(_ error: ControlError) {
        let status: ExitStatus =
            switch error.kind {
            case .notRunning, .unreachable, .broken: .unavailable
            case .noPermission: .noPermission
            case .notFound: .unknownName
            case .refused: .badConfiguration
            case .conflict: .tryAgain
            }
        self.init(status, error.description)
    }

    init(_ problem: FileProblem) {
        let status: ExitStatus =
            switch problem.kind {
            case .missing: .noInput
            case .noPermission: .noPermission
            case .cannotCreate: .cannotCreate
            case .inUse: .tryAgain
            case .badContent: .badConfiguration
            case .io: .ioError
            }
        self.init(status, problem.description)
    }

    init(_ failure: ChangeFailure) {
        let status: ExitStatus =
            switch failure {
            case .refused(let refusal): refusal.isUnknownName ? .unknownName : .badConfiguration
            case .invalid: .badConfiguration
            case .notApplied: .failed
            case .otherGeneration, .editedByHand: .tryAgain
            }
        self.init(status, failure.description)
    }
}
