import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

/// The tokens of a decode whose logits are computed.
package enum LogitsWanted: Sendable {
  case none
  /// The last of each sequence: `[sequences, vocabulary]`, NaN for one that reads nothing.
  case last
  /// Each: `[tokens, vocabulary]`.
  case all
}

extension Session {
  /// Gives live sequence i the tokens of sequence i of the batch. Returns the logits unless they are not wanted. A
  /// failure leaves the live sequences as they were.
  @discardableResult package func decode(_ batch: Batch, logits wanted: LogitsWanted) throws(Failure) -> Output? {
    guard let decoder = model.decoder, let head = model.head, head.tellsNextToken else {
      let reason = "it has no decoder, or none with a head that tells the next token"
      throw Failure(.unsupported, "this checkpoint is of a \(model.blueprint.family) model: \(reason)")
    }
    try requireLive()
    guard batch.count == count else {
      throw Failure(.invalidArgument, "\(batch.count) sequences of tokens for \(count) live sequences")
    }
    try batch.check(decoder)
    try checkPositions(batch, decoder)
    forgetOutputs()
    cancellation.begin(work: batch.tokenCount * decoder.layers.count)
    try pass.workspace.reset()
    let cache = sequences.selfCache
    try cache.grow(batch.lengths)
    let x = try outputs.reserve(outputs.states, rows: batch.tokenCount, columns: decoder.width)
    try decoder.forward(
      batch.input, selfKeyValues: try cache.writing(batch.lengths),
      crossKeyValues: try sequences.crossCache?.reading(batch.lengths), into: x, pass)
    let y = try logits(wanted, of: x, batch.lengths, head)
    try pass.checkCancellation()
    cache.advance(batch.lengths)
    outputs.keepDecoded(x)
    return y
  }

  private func logits(
    _ wanted: LogitsWanted, of x: Matrix, _ lengths: SequenceLengths, _ head: Head
  ) throws(Failure) -> Output? {
    switch wanted {
    case .none: return nil
    case .all:
      let y = try outputs.reserve(outputs.logits, rows: x.rows, columns: head.outputs)
      try head.apply(x, into: y, pass)
      return y
    case .last:
      let y = try outputs.reserve(outputs.logits, rows: lengths.count, columns: head.outputs)
      let last = try pass.workspace.matrix(lengths.count, x.columns)
      var end = 0
      for sequence in 0..<lengths.count {
        end += lengths[sequence]
        if lengths[sequence] > 0 {
          last[sequence].update(from: x[end - 1], count: x.columns)
        } else {
          last[sequence].update(repeating: 0, count: x.columns)
        }
      }
      try head.apply(last, into: y, pass)
      for sequence in 0..<lengths.count where lengths[sequence] == 0 {
        y[sequence].update(repeating: .nan, count: y.columns)
      }
      return y
    }
  }

  private func checkPositions(_ batch: Batch, _ decoder: Stack) throws(Failure) {
    guard let positions = decoder.positions(allowingBeyond: allowsBeyondPositions) else { return }
    for sequence in 0..<count where batch.lengths[sequence] > positions - length(sequence) {
      let (read, more) = (length(sequence), batch.lengths[sequence])
      let limit = "the \(positions) positions of the decoder\(Session.hint(decoder))"
      throw Failure(
        .invalidState, "live sequence \(sequence) has read \(read) tokens; \(more) more exceed \(limit)")
    }
  }
}
