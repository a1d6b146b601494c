import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

/// The last call that computed, as far as its results can still be asked for.
enum LastCall {
  /// None since the session was made or its sequences were selected or cut.
  case none
  /// A batch was encoded; its hidden states are `[tokens, width of the stack that read it]`.
  case encoded(states: Matrix)
  /// The live sequences were given tokens.
  case decoded(states: Matrix)
}

/// The results of a session's last call, which are lent to its caller until the next.
final class Outputs {
  let states = OutputBuffer(purpose: "the hidden states")
  let logits = OutputBuffer(purpose: "the logits")
  let logitBlocks = OutputBuffer(purpose: "the blocks of the logits")
  let pooled = OutputBuffer(purpose: "the pooled vectors")
  let embeddings = OutputBuffer(purpose: "the embeddings")
  /// The hidden states that each array of a batch becomes
  var arrayLengths = GrowingList<Int>(for: "the lengths of the sequences")
  /// The stack that read the last batch
  var reader: Stack?
  private(set) var lastCall = LastCall.none
  /// The blocks of the last logits; nil where they were not wanted
  private(set) var lastBlocks: RowBlocks?
  /// Of the sequences of the last call, if that was an encode
  private var lengths = GrowingList<Int>(for: "the lengths of the sequences")
  /// The rows that a head reads which reads a last token of each sequence; -1 where there is none
  private var lastRows = GrowingList<Int>(for: "the last tokens of the sequences")
  /// The texts of that encode as the decoder reads them, where a head wants that
  private var shifted = GrowingList<Int32>(for: "the text that the decoder reads again")

  /// Bytes held at this moment.
  var bytes: Int {
    states.bytes + logits.bytes + logitBlocks.bytes + pooled.bytes + embeddings.bytes + lengths.bytes + lastRows.bytes
      + shifted.bytes + arrayLengths.bytes
  }

  /// The hidden states of the last encode or decode; nil where there was none.
  var hiddenStates: Matrix? {
    switch lastCall {
    case .none: nil
    case .encoded(let states), .decoded(let states): states
    }
  }

  /// The hidden states of the last encode, and how many of them belong to each sequence. Throws `invalidState` where
  /// the last call was none.
  func encoded() throws(Failure) -> (states: Matrix, lengths: SequenceLengths) {
    guard case .encoded(let states) = lastCall else {
      throw Failure(.invalidState, "there is nothing to read: the last call on this session encoded no batch")
    }
    return (states, SequenceLengths(lengths.storage, count: lengths.count))
  }

  /// The number of sequences of the last call, with `live` living: those of the batch, or all.
  func sequences(live: Int) -> Int { if case .encoded = lastCall { lengths.count } else { live } }

  /// Memory for a result of `rows` rows, `stride` numbers apart, by default end to end; what was there may be written
  /// over.
  func reserve(_ buffer: OutputBuffer, rows: Int, columns: Int, stride: Int? = nil) throws(Failure) -> Matrix {
    let (count, overflow) = rows.multipliedReportingOverflow(by: stride ?? columns)
    guard !overflow else { throw .outOfMemory(Int.max, for: buffer.purpose) }
    return Matrix(try buffer.reserve(count), rows: rows, columns: columns, stride: stride)
  }

  /// Memory for the blocks of logits, which are those of the last call from now on.
  func reserveBlocks(of logits: Matrix) throws(Failure) -> RowBlocks {
    guard let numbers = RowBlocks.numbers(rows: logits.rows, columns: logits.columns) else {
      throw .outOfMemory(Int.max, for: logitBlocks.purpose)
    }
    let blocks = RowBlocks(try logitBlocks.reserve(numbers), rows: logits.rows, columns: logits.columns)
    lastBlocks = blocks
    return blocks
  }

  /// Nothing that was computed before is to be read any more.
  func forget() {
    lastCall = .none
    lastBlocks = nil
    lengths.removeAll()
    lastRows.removeAll()
    shifted.removeAll()
  }

  /// Makes room for the lengths of an encode of `sequences`, and where the decoder reads them again for their tokens.
  /// Nothing is kept at this moment.
  func reserve(sequences: Int, rereading tokens: Int) throws(Failure) {
    try lengths.reserve(sequences)
    try lastRows.reserve(sequences)
    try shifted.reserve(tokens)
  }

  /// Keeps the hidden states of an encode, for whose sequences there is room.
  func keepEncoded(_ states: Matrix, _ encoded: SequenceLengths) {
    lengths.resize(to: encoded.count, filling: 0)
    for sequence in 0..<encoded.count { lengths[sequence] = encoded[sequence] }
    lastCall = .encoded(states: states)
  }

  /// Keeps which row of the hidden states a head reads that reads a last token: of padding alone it is the first, as in
  /// the reference. To be called after `keepEncoded`.
  func keepLastTokens(of batch: Batch, for head: Head?) {
    var (padding, end): (Int32?, Int32?)
    switch head?.pooling {
    case .lastToken(let id): padding = id
    case .lastEnd(let id): end = id
    default: return
    }
    guard let ids = batch.tokens else { return }
    lastRows.resize(to: batch.count, filling: -1)
    var first = 0
    for sequence in 0..<batch.count {
      let tokens = ids + first
      var last = batch.lengths[sequence] - 1
      while let padding, last > 0, tokens[last] == padding { last -= 1 }
      while let end, last >= 0, tokens[last] != end { last -= 1 }
      if last >= 0 { lastRows[sequence] = first + last }
      first += batch.lengths[sequence]
    }
  }

  /// Keeps which row of the hidden states makes the embedding of each text. To be called after `keepEncoded`.
  func keepEndTokens(of batch: Batch, _ end: Model.EndToken) {
    guard let ids = batch.tokens else { return }
    lastRows.resize(to: batch.count, filling: -1)
    var first = 0
    for sequence in 0..<batch.count {
      let tokens = UnsafeBufferPointer(start: ids + first, count: batch.lengths[sequence])
      let wanted = end.id ?? tokens.max()
      if let place = tokens.firstIndex(where: { $0 == wanted }) { lastRows[sequence] = first + place }
      first += batch.lengths[sequence]
    }
  }

  /// The rows that `keepLastTokens` kept, until the next call. Throws `invalidArgument` for a sequence without one.
  func lastTokens() throws(Failure) -> UnsafeMutableBufferPointer<Int> {
    for (sequence, row) in lastRows.elements.enumerated() where row < 0 {
      throw Failure(
        .invalidArgument,
        "sequence \(sequence) has no end token, which the head reads: the tokenizer's special tokens must stay")
    }
    return lastRows.elements
  }

  /// Keeps the texts of an encode, for whose tokens there is room, as the decoder reads them.
  func keepShifted(_ batch: Batch, _ shift: TextShift) {
    guard let tokens = batch.tokens else { return }
    shifted.resize(to: batch.tokenCount, filling: 0)
    var first = 0
    for sequence in 0..<batch.count {
      shift.apply(tokens + first, count: batch.lengths[sequence], into: shifted.storage + first)
      first += batch.lengths[sequence]
    }
  }

  /// The text that `keepShifted` kept, until the next call.
  func shiftedBatch() throws(Failure) -> Batch {
    try Batch(tokens: shifted.storage, lengths: lengths.storage, count: lengths.count)
  }

  /// Keeps the hidden states of a decode.
  func keepDecoded(_ states: Matrix) { lastCall = .decoded(states: states) }
}
