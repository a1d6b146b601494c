import AttendBase

/// A request in the batch of a `DecodingLoop`: its search, and the rows that it has there.
package final class DecodingJob {
  package let context: SearchContext
  package let search: any Search
  /// The number that the loop's user knows the request by.
  package let number: Int
  /// Why it could not be finished; nil while nothing is wrong.
  package internal(set) var failure: Failure?

  /// The first of its rows in the batch.
  var firstRow = 0
  /// Tokens of the first row's prompt that are read, or need not be.
  var promptRead = 0
  /// Tokens of the second prompt (guidance) that are read.
  var otherPromptRead = 0
  /// Whether the prompt is not read to its end.
  var isReading = true
  /// Whether logits of this step belong to it.
  var hasLogits = false
  /// Rows that it has in the batch between two steps.
  var rows = 1
  /// Rows of the search when the step was planned.
  var rowsBefore = 1

  package init(number: Int, context: SearchContext, search: any Search) {
    (self.number, self.context, self.search) = (number, context, search)
    rows = rowCount
  }

  /// Whether nothing more is to be done for it.
  var isOver: Bool { failure != nil || search.isFinished }

  /// Rows in the batch: guidance reads each hypothesis behind both prompts.
  var rowCount: Int { search.rowCount * (context.isGuided ? 2 : 1) }
}
