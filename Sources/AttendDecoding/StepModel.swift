import AttendBase
import AttendDispatch

/// Tokens of several rows, end to end. Borrowed for one call.
package struct RaggedTokens {
  /// `[sum of lengths]`
  package let tokens: UnsafePointer<Int32>
  /// `[count]`; a row may have none.
  package let lengths: UnsafePointer<Int>
  /// How many rows.
  package let count: Int

  package init(tokens: UnsafePointer<Int32>, lengths: UnsafePointer<Int>, count: Int) {
    (self.tokens, self.lengths, self.count) = (tokens, lengths, count)
  }
}

/// What a request reads besides tokens: pictures, sounds. Only the model knows what is in it.
package protocol StepInput: AnyObject, Sendable {
  /// The number of hidden states that an encoder makes of it, as long as a source of as many tokens.
  var length: Int { get }
  /// The number of them whose keys and values the decoder's cross-attention keeps.
  var sourceLength: Int { get }
  /// Whether the prompt beside it must be read in one step.
  var readsPromptAtOnce: Bool { get }
}

extension StepInput {
  package var sourceLength: Int { length }
  package var readsPromptAtOnce: Bool { false }
}

/// A model with live sequences, here called rows, that read tokens and tell what may follow. `Session` is one; the
/// tests of the searches have another, whose logits can be worked out by hand.
///
/// What throws leaves the rows as they were. One thread at a time.
package protocol StepModel: AnyObject {
  /// Kernels and threads for work on rows of logits.
  var engine: Engine { get }
  /// The width of the logits.
  var vocabulary: Int { get }
  /// Whether a row is begun with a source (encoder-decoders), rather than empty (decoders).
  var readsSources: Bool { get }
  /// Positions that the decoder has; nil: no limit.
  var positions: Int? { get }
  /// Tokens up to which a row that reads a text again, in other parts, comes to what it was: fewer than any text has
  /// where positions depend on how it is cut.
  var longestRereading: Int { get }
  /// Bytes of the caches of a row that has read `tokens` tokens, and of a source of as many, which rows share.
  func cacheBytes(tokens: Int) -> Int
  func sourceBytes(tokens: Int) -> Int
  /// Rows that are live.
  var count: Int { get }

  /// Adds rows behind those that are live; of decoders with the beginnings of `prompts` that are at hand already.
  /// Returns through `known` how many tokens of each prompt need not be read any more, always fewer than all.
  func add(prompts: RaggedTokens, known: UnsafeMutablePointer<Int>) throws(Failure)
  /// How many tokens of a prompt are at hand, as `add` would find them.
  func known(of prompt: UnsafeBufferPointer<Int32>) -> Int
  /// A row has read all of its prompt, whose beginnings later prompts may share.
  func remember(row: Int, prompt: UnsafeBufferPointer<Int32>)
  /// Adds a row for each source behind those that are live.
  func add(sources: RaggedTokens) throws(Failure)
  /// Adds a row for each input behind those that are live, in place of a source or before the prompt of row i, of which
  /// nothing is read yet.
  func add(inputs: [any StepInput], prompts: RaggedTokens) throws(Failure)
  /// Gives row i the tokens of row i of `tokens`. Returns the logits of the last `tails[i]` of them, row after row,
  /// `[sum of tails, vocabulary]`; the caller may write over them. Valid until the next call.
  func step(_ tokens: RaggedTokens, tails: UnsafeBufferPointer<Int>) throws(Failure) -> Matrix?
  /// The hidden states of the tokens of the last step, `[tokens, width]`.
  var stepStates: Matrix? { get }
  /// Sums up the blocks of the logits of the steps that follow, or does it no more. A model may leave it to the
  /// searches.
  func summarizeLogits(_ isOn: Bool)
  /// The blocks of the logits of the last step; nil where they were not summed up.
  var stepBlocks: RowBlocks? { get }
  /// Keeps what the decoder attends to in the sources in the steps that follow, or keeps it no more.
  func recordSourceAttention(_ isOn: Bool)
  /// The attention of the last decoder layer's first head over the source, of the tokens that a row read in the last
  /// step, `[tokens, source]`. Throws where it was not kept, or there are no sources.
  func sourceAttention(row: Int) throws(Failure) -> UnsafeBufferPointer<Float>
  /// Row `parents[i]` of before becomes row i.
  func select(_ parents: UnsafeBufferPointer<Int>) throws(Failure)
  /// How many tokens a row has read.
  func length(_ row: Int) -> Int
  /// Forgets what a row has read beyond `length` tokens.
  func truncate(_ row: Int, to length: Int) throws(Failure)
}

extension StepModel {
  package func add(inputs: [any StepInput], prompts: RaggedTokens) throws(Failure) {
    throw Failure(.internalError, "this model reads nothing but tokens")
  }
}
