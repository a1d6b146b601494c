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
  package internal(set) var isReading = true
  /// Whether the plan of the step reads the prompt to its end.
  var endsPrompt = false
  /// Whether the rows have to read again what they had read before the request was taken out of the batch.
  var isResuming = false
  /// Tokens that they have still to read, beyond those that the step reads.
  var pastLeft = 0
  /// Whether its search has chosen anything.
  private(set) var hasChosen = false
  /// Tokens of its longest row, also while it is out of the batch.
  package internal(set) var longestRow = 0
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
  package var isOver: Bool { failure != nil || search.isFinished }

  /// Guidance reads each hypothesis behind both prompts.
  package var copies: Int { context.isGuided ? 2 : 1 }

  /// Rows of each copy: a prompt is read once for all.
  var rowsPerCopy: Int { isReading && isResuming ? 1 : search.rowCount }

  /// Rows that it has in the batch after the step.
  var rowCount: Int { rowsPerCopy * copies }

  /// Whether it may be taken out of the batch at any time and added again, with the same result.
  package var canResume: Bool {
    search.rowCount == 0 || context.canReread && search.past(row: 0) != nil
  }

  /// Tokens of its longest row behind the next step.
  package var nextLength: Int {
    guard !isReading, !isResuming else { return longestRow }
    var most = 0
    for row in 0..<search.rowCount { most = max(most, search.next(row: row).count) }
    return longestRow + most
  }

  /// Prepares for the reading of the prompts, again if the search is under way.
  func join() {
    (promptRead, otherPromptRead, pastLeft) = (0, 0, 0)
    (isReading, hasLogits, endsPrompt, isResuming) = (true, false, false, hasChosen)
    rows = copies
  }

  /// Lets the search choose.
  func choose() {
    hasChosen = true
    do throws(Failure) { try search.choose() } catch { failure = error }
  }

  /// The row of before that a row of a copy continues after the step.
  func parent(of row: Int) -> Int { hasLogits ? search.parent(of: row) : endsPrompt ? 0 : row }
}
