import AttendBase

/// The limits of what a regular expression may ask for while it is read and compiled. An expression comes with a file,
/// and a short one can ask for any amount of time and memory: `(?:(?:a{1000}){1000}){1000}`.
struct RegexBudget {
  /// Scalars of the expression.
  static let length = 1 << 16
  /// Groups, classes and repetitions within one another.
  static let depth = 64
  /// Instructions of the compiled program.
  static let instructions = 20_000
  /// States of the automaton times classes of scalars; beyond it texts are read by the slower way of `RegexTable`.
  static let transitions = 1 << 20
  /// Steps of making the automaton; beyond them likewise.
  static let automatonWork = 1 << 21
  /// Steps of reading and compiling.
  static let work = 1 << 24

  private var rest = RegexBudget.work

  /// Takes `amount` steps off, or throws `unsupported`.
  mutating func spend(_ amount: Int, _ pattern: String) throws(Failure) {
    rest -= min(amount, RegexBudget.work)
    guard rest >= 0 else {
      throw RegexBudget.exceeded(pattern, "more than \(RegexBudget.work) steps to compile")
    }
  }

  static func exceeded(_ pattern: String, _ what: String) -> Failure {
    Failure(.unsupported, "regular expression \"\(excerpt(pattern))\": \(what) are not supported")
  }

  /// The beginning of a long expression, for messages.
  static func excerpt(_ pattern: String) -> String {
    pattern.utf8.count <= 200 ? pattern : String(pattern.prefix(100)) + "..."
  }
}
