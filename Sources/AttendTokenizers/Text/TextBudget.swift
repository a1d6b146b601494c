import AttendBase

/// The bound of a text's length on its way, in bytes: linear in the text, so that no file turns a short text into
/// gigabytes, however many replacements follow one another.
struct TextBudget {
  /// Bytes made of each byte: Unicode's normalization makes up to 11, each of which may become a letter of two.
  private static let growth = 32
  /// Bytes on top, so that short texts may get long additions.
  private static let slack = 1 << 20
  /// No text becomes longer: twice the longest source text.
  private static let largest = 1 << 28

  private let count: Int
  /// The most bytes.
  let limit: Int

  /// The budget of a text of `count` bytes.
  init(for count: Int) {
    self.count = count
    let (product, overflow) = count.multipliedReportingOverflow(by: TextBudget.growth)
    limit = overflow ? TextBudget.largest : min(product, TextBudget.largest - TextBudget.slack) + TextBudget.slack
  }

  func exceeded(by component: StaticString) -> Failure {
    Failure(
      .invalidArgument,
      "\(component) makes more than \(limit) bytes of a text of \(count): the limit is \(TextBudget.growth) for each, "
        + "\(TextBudget.slack) more, and \(TextBudget.largest) in all")
  }
}
