import AttendBase

/// All that filters, tests, methods and operators may know of a rendering.
final class JinjaContext {
  let file: String
  let budget: JinjaBudget
  /// Whether what is written is escaped (`{% autoescape true %}`).
  var autoescape = false
  /// The place in the template, for messages.
  var line = 1

  /// Objects that may refer to themselves, by way of others, and are cleared at the end.
  var cyclic: [JinjaObject] = []

  init(file: String, budget: JinjaBudget) {
    self.file = file
    self.budget = budget
  }

  /// The template has no use for the values that it was given.
  func refused(_ reason: String) -> Failure { failure(.invalidArgument, reason) }

  /// The template is wrong, whatever it is given.
  func invalid(_ reason: String) -> Failure { failure(.invalidFile, reason) }

  func unsupported(_ what: String) -> Failure { failure(.unsupported, "\(what) is not supported") }

  private func failure(_ code: Failure.Code, _ reason: String) -> Failure {
    Failure(code, "\(file): chat template, line \(line): \(reason)")
  }

  /// The use of a value that is not there.
  func used(_ undefined: JinjaUndefined) -> Failure {
    undefined.isForbidden ? invalid(undefined.message) : refused(undefined.message)
  }

  /// Python refuses to convert integers of more digits than this to or from text.
  static let maximalDigits = 4300

  func checkDigits(_ count: Int) throws(Failure) {
    guard count <= JinjaContext.maximalDigits else {
      throw refused("an integer of \(count) digits, more than the \(JinjaContext.maximalDigits) that are converted")
    }
  }
}
