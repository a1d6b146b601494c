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

  /// The first request that failed; nil: none did.
  package var firstFailure: (request: Int, failure: Failure)? {
    for request in 0..<count { if let failure = answers[request].answer.failure { return (request, failure) } }
    return nil
  }
}
