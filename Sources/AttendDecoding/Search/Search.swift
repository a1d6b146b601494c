import AttendBase
import AttendDispatch

/// The logits of one row of a search, `[tails, vocabulary]`, and their blocks where the model has summed them up.
package struct RowLogits: BitwiseCopyable {
  package let values: Matrix
  package let blocks: RowBlocks?

  package init(_ values: Matrix, blocks: RowBlocks?) { (self.values, self.blocks) = (values, blocks) }

  package var count: Int { values.rows }

  /// Those of one place.
  package subscript(place: Int) -> UnsafeMutablePointer<Float> { values[place] }
}

/// The search for the answer to one request: which tokens its rows of the batch read, and what is chosen of the logits
/// that come back. A search begins with one row, and may have more or fewer after each choice.
///
/// A step of it goes: `next` for each row; the model reads; `examine` for each row, on several threads at once;
/// `choose`; then the rows are selected by `parent` and cut by `droppedTokens`.
package protocol Search: AnyObject {
  /// Rows that the search has in the batch.
  var rowCount: Int { get }
  /// The tokens that a row reads in the next step, at least one, until `choose`; before the first step all of the
  /// prompt, or the start token and the forced prefix.
  func next(row: Int) -> UnsafeBufferPointer<Int32>
  /// Of how many of the last tokens of `next` the logits are wanted, at least one.
  func tails(row: Int) -> Int
  /// Notes what the tokens that a row read attended to in the source, `[tokens, source]`, before the row is examined;
  /// called where the context `readsAttention`.
  func note(attention: UnsafeBufferPointer<Float>, row: Int) throws(Failure)
  /// Whether `examine` looks at the blocks of logits.
  var readsBlocks: Bool { get }
  /// Looks at the logits of one row and may write over them; `states` are those of all tokens
  /// that it read, `[tokens, width]`. Touches nothing that belongs to other rows.
  func examine(row: Int, logits: RowLogits, states: Matrix, _ scratch: RowScratch) throws(Failure)
  /// Decides, all rows having been examined.
  func choose() throws(Failure)
  /// The row of before that a row of now continues.
  func parent(of row: Int) -> Int
  /// How many of the last tokens that its parent read a row of now does not keep: drafts that were not confirmed.
  func droppedTokens(of row: Int) -> Int
  /// The tokens that a row has read, after the first choice: with them another row takes its place. nil: none can.
  func past(row: Int) -> UnsafeBufferPointer<Int32>?
  /// Whether nothing more is to be read.
  var isFinished: Bool { get }
  /// Ends the search where it stands: what it has becomes its hypotheses.
  func finish(_ reason: FinishReason) throws(Failure)
  /// What was found, the best first, when the search is finished.
  func hypotheses() throws(Failure) -> [Hypothesis]
}

extension Search {
  package func tails(row: Int) -> Int { 1 }
  package func droppedTokens(of row: Int) -> Int { 0 }
  package var readsBlocks: Bool { false }
  package func note(attention: UnsafeBufferPointer<Float>, row: Int) throws(Failure) {}
  /// A search that keeps more of what was read than its tokens cannot be taken up in other rows.
  package func past(row: Int) -> UnsafeBufferPointer<Int32>? { nil }
}
