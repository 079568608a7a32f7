// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the Apus authors

import ControlAPI
import Hummingbird
import Model

/// Turns what a route throws into a status and an `ErrorReport`.
struct ErrorAnswers: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let failure as ChangeFailure {
            let report = ErrorReport(error: failure.description, problems: failure.problems)
            return try Routes.answer(report, status: Self.status(of: failure, to: request))
        } catch let failure as StoryFailure {
            let status: HTTPResponse.Status =
                switch failure {
                case .noSuchClient, .noSuchBoot: .notFound
                case .tooManyFollowers: .tooManyRequests
                case .historyFails: .internalServerError
                }
            return try Routes.answer(ErrorReport(error: failure.description), status: status)
        } catch let problem as FileProblem {
            let status: HTTPResponse.Status = problem.kind == .missing ? .notFound : .unprocessableContent
            return try Routes.answer(ErrorReport(error: problem.description), status: status)
        } catch let error as JSONTextError {
            return try Routes.answer(ErrorReport(error: "the request: \(error)"), status: .badRequest)
        } catch let error as HTTPError {
            let words = error.body ?? "\(request.method) \(request.uri.path) is not part of the API"
            return try Routes.answer(ErrorReport(error: words), status: error.status)
        }
    }

    private static func status(of failure: ChangeFailure, to request: Request) -> HTTPResponse.Status {
        switch failure {
        case .otherGeneration where request.headers[.ifMatch] != nil: .preconditionFailed
        case .otherGeneration, .editedByHand: .conflict
        case .refused(let refusal) where refusal.isUnknownName: .notFound
        case .refused, .invalid, .notApplied: .unprocessableContent
        }
    }
}
