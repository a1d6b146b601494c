import AttendBase
import AttendDecoding

/// What was generated of the requests of one call, in their order. Immutable once it is handed out.
package final class Generation: @unchecked Sendable {
  /// The hypotheses of one request, the best first, or why there are none.
  package struct Answer: Sendable {
    package internal(set) var hypotheses: [Hypothesis] = []
    package internal(set) var failure: Failure?
  }

  package internal(set) var answers: FixedArray<Box>

  /// A place for one answer.
  package final class Box: @unchecked Sendable {
    package internal(set) var answer = Answer()
  }

  init(count: Int) throws(Failure) {
    answers = try FixedArray(count, for: "the answers of \(count) requests") { _ in Box() }
  }

  /// What was generated of one request.
  package convenience init(_ hypotheses: [Hypothesis]) throws(Failure) {
    try self.init(count: 1)
    answers[0].answer.hypotheses = hypotheses
  }

  package var count: Int { answers.count }
  package subscript(request: Int) -> Answer { answers[request].answer }

  /// Why the first request that failed did, which its message names; nil: none failed. Where all did for one reason, as
  /// an option leads to, it is not that request's, and none is named.
  package var namedFailure: Failure? {
    guard let first = (0..<count).first(where: { self[$0].failure != nil }), let failure = self[first].failure else {
      return nil
    }
    let isOfAll = (0..<count).allSatisfy { self[$0].failure?.message == failure.message }
    return isOfAll ? failure : Failure(failure.code, "request \(first): \(failure.message)")
  }
}
