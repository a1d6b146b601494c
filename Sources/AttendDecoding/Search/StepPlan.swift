import AttendBase
import AttendDispatch

/// The tokens of one step over all rows of the batch, and where the logits of each row will lie. Built anew for each
/// step, in memory that stays.
struct StepPlan: ~Copyable {
  private(set) var tokens = GrowingList<Int32>(for: "the tokens of a step")
  private(set) var lengths = GrowingList<Int>(for: "the rows of a step")  // [rows]
  private(set) var tails = GrowingList<Int>(for: "the rows of a step")  // [rows]
  private var firstTokens = GrowingList<Int>(for: "the rows of a step")  // [rows]
  private var firstLogits = GrowingList<Int>(for: "the rows of a step")  // [rows]
  private var logits = 0
  /// How many of the tokens are those of prompts.
  var promptTokens = 0

  var rowCount: Int { lengths.count }

  mutating func removeAll() {
    tokens.removeAll()
    lengths.removeAll()
    tails.removeAll()
    firstTokens.removeAll()
    firstLogits.removeAll()
    logits = 0
    promptTokens = 0
  }

  /// Adds a row that reads `read`, and of whose last `tail` tokens logits are wanted.
  mutating func add(_ read: UnsafeBufferPointer<Int32>, tail: Int) throws(Failure) {
    try tokens.reserve(1)  // There is memory to point to, even where nothing is read.
    try firstTokens.append(tokens.count)
    try firstLogits.append(logits)
    try tokens.append(contentsOf: read)
    try lengths.append(read.count)
    try tails.append(tail)
    logits += tail
  }

  var ragged: RaggedTokens {
    RaggedTokens(tokens: tokens.storage, lengths: lengths.storage, count: lengths.count)
  }

  /// The logits of a row, `[tails, vocabulary]`.
  func logits(_ row: Int, of all: RowLogits) -> RowLogits {
    let (first, count) = (firstLogits[row], tails[row])
    return RowLogits(all.values.rows(first, count), blocks: all.blocks?.rows(first, count))
  }

  /// The hidden states of the tokens that a row read, `[tokens, width]`.
  func states(_ row: Int, of all: Matrix) -> Matrix { all.rows(firstTokens[row], lengths[row]) }
}
