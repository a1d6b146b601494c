import AttendBase
import AttendLayers

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
  let pooled = OutputBuffer(purpose: "the pooled vectors")
  let embeddings = OutputBuffer(purpose: "the embeddings")
  private(set) var lastCall = LastCall.none
  /// Of the sequences of the last call, if that was an encode
  private var lengths = GrowingList<Int>(for: "the lengths of the sequences")
  /// The rows that a head reads which reads the last token beside padding
  private var lastRows = GrowingList<Int>(for: "the last tokens of the sequences")

  /// Bytes held at this moment.
  var bytes: Int { states.bytes + logits.bytes + pooled.bytes + embeddings.bytes + lengths.bytes + lastRows.bytes }

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

  /// How many sequences the last call had, with `live` living: those of the batch, or all.
  func sequences(live: Int) -> Int { if case .encoded = lastCall { lengths.count } else { live } }

  /// Memory for a result of `rows` rows; what was there may be written over.
  func reserve(_ buffer: OutputBuffer, rows: Int, columns: Int) throws(Failure) -> Matrix {
    let (count, overflow) = rows.multipliedReportingOverflow(by: columns)
    guard !overflow else { throw .outOfMemory(Int.max, for: buffer.purpose) }
    return Matrix(try buffer.reserve(count), rows: rows, columns: columns)
  }

  /// Nothing that was computed before is to be read any more.
  func forget() {
    lastCall = .none
    lengths.removeAll()
    lastRows.removeAll()
  }

  /// Makes room for the lengths of an encode of `sequences`. Nothing is kept at this moment.
  func reserve(sequences: Int) throws(Failure) {
    try lengths.reserve(sequences)
    try lastRows.reserve(sequences)
  }

  /// Keeps the hidden states of an encode, for whose sequences there is room.
  func keepEncoded(_ states: Matrix, _ encoded: SequenceLengths) {
    lengths.resize(to: encoded.count, filling: 0)
    for sequence in 0..<encoded.count { lengths[sequence] = encoded[sequence] }
    lastCall = .encoded(states: states)
  }

  /// Keeps which row of the hidden states is that of the last token of each sequence that is not `padding`; of padding
  /// alone it is the first, as in the reference. To be called after `keepEncoded`.
  func keepLastTokens(of batch: Batch, beside padding: Int32?) {
    lastRows.resize(to: batch.count, filling: 0)
    var first = 0
    for sequence in 0..<batch.count {
      var last = batch.lengths[sequence] - 1
      while let padding, last > 0, batch.tokens[first + last] == padding { last -= 1 }
      lastRows[sequence] = first + last
      first += batch.lengths[sequence]
    }
  }

  /// The rows that `keepLastTokens` kept, until the next call.
  var lastTokens: UnsafeMutableBufferPointer<Int> { lastRows.elements }

  /// Keeps the hidden states of a decode.
  func keepDecoded(_ states: Matrix) { lastCall = .decoded(states: states) }
}
