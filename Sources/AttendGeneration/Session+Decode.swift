import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

/// The tokens of a decode whose logits are computed.
package enum LogitsWanted {
  case none
  /// The last of each sequence: `[sequences, vocabulary]`, NaN for one that reads nothing.
  case last
  /// As many of the last ones of each sequence as stand in the list, 0 for none of it: `[sum of the list, vocabulary]`,
  /// sequence after sequence. Rows begin cache lines, and their blocks are summed up where `summarizesLogits` says so.
  case tails(UnsafeBufferPointer<Int>)
  /// Each: `[tokens, vocabulary]`.
  case all

  var areNone: Bool { if case .none = self { true } else { false } }
}

extension Session {
  /// Gives live sequence i the tokens of sequence i of the batch. Returns the logits unless they are not wanted; only
  /// they need a head that tells the next token. A failure leaves the live sequences as they were.
  @discardableResult package func decode(_ batch: Batch, logits wanted: LogitsWanted) throws(Failure) -> Output? {
    guard let decoder = model.decoder else {
      throw Failure(.unsupported, "this checkpoint is of a \(model.blueprint.family) model, which has no decoder")
    }
    let head = wanted.areNone ? nil : try nextTokenHead()
    try requireLive()
    guard batch.count == count else {
      throw Failure(.invalidArgument, "\(batch.count) sequences of tokens for \(count) live sequences")
    }
    try checkInput(of: batch, decoder)
    try check(wanted, batch)
    try checkPositions(batch, decoder)
    forgetOutputs()
    cancellation.begin(work: batch.tokenCount * decoder.depth)
    try pass.workspace.reset()
    let cache = sequences.selfCache
    try cache.grow(batch.lengths, on: pass.engine)
    let x = try outputs.reserve(outputs.states, rows: batch.tokenCount, columns: decoder.width)
    try decoder.forward(
      try input(of: batch, decoder), splices: try splices(batch.lengths),
      places: try places(batch.lengths, of: decoder),
      selfKeyValues: try cache.writing(batch.lengths),
      crossKeyValues: try sourceKeyValues(batch.lengths), into: x, pass)
    let y = try head.map { (head) throws(Failure) in try logits(wanted, of: x, batch.lengths, head) } ?? nil
    try pass.checkCancellation()
    cache.advance(batch.lengths)
    outputs.keepDecoded(x)
    return y
  }

  /// The head that makes logits of a decode. Throws `unsupported` where there is none.
  func nextTokenHead() throws(Failure) -> Head {
    guard let head = model.head, head.tellsNextToken else {
      let part =
        model.blueprint.stage.map { ", of which layers [\($0.first), \($0.end)) of \($0.count) are here" } ?? ""
      let reason = "it has no head that tells the next token: decode without logits gives hidden states"
      throw Failure(.unsupported, "this checkpoint is of a \(model.blueprint.family) model\(part): \(reason)")
    }
    return head
  }

  private func logits(
    _ wanted: LogitsWanted, of x: Matrix, _ lengths: SequenceLengths, _ head: Head
  ) throws(Failure) -> Output? {
    switch wanted {
    case .none: return nil
    case .all: return try apply(head, to: x)
    case .tails(let tails):
      let x = try rows(tails, of: x, lengths)
      let y = try outputs.reserve(
        outputs.logits, rows: x.rows, columns: head.outputs, stride: (head.outputs + 15) & ~15)
      let blocks = summarizesLogits ? try outputs.reserveBlocks(of: y) : nil
      if x.rows > 0 { try head.apply(x, into: y, blocks: blocks, pass) }
      return y
    case .last:
      let y = try apply(head, to: try lastRows(of: x, lengths))
      for sequence in 0..<lengths.count where lengths[sequence] == 0 {
        y[sequence].update(repeating: .nan, count: y.columns)
      }
      return y
    }
  }

  /// The logits of all rows of x.
  private func apply(_ head: Head, to x: Matrix) throws(Failure) -> Output {
    let y = try outputs.reserve(outputs.logits, rows: x.rows, columns: head.outputs)
    if x.rows > 0 { try head.apply(x, into: y, pass) }
    return y
  }

  /// The last row of each sequence, zeros where it has none, in scratch memory.
  private func lastRows(of x: Matrix, _ lengths: SequenceLengths) throws(Failure) -> Matrix {
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
    return last
  }

  /// The last `tails[i]` rows of each sequence, which has as many: x itself where these are all.
  func rows(
    _ tails: UnsafeBufferPointer<Int>, of x: Matrix, _ lengths: SequenceLengths
  ) throws(Failure) -> Matrix {
    let count = tails.reduce(0, +)
    guard count < x.rows else { return x }
    let rows = try pass.workspace.matrix(count, x.columns)
    var (row, end) = (0, 0)
    for (sequence, tail) in tails.enumerated() {
      end += lengths[sequence]
      for place in end - tail..<end {
        rows[row].update(from: x[place], count: x.columns)
        row += 1
      }
    }
    return rows
  }

  /// Throws where logits of tokens are wanted that the batch does not have.
  private func check(_ wanted: LogitsWanted, _ batch: Batch) throws(Failure) {
    guard case .tails(let tails) = wanted else { return }
    guard tails.count == batch.count else {
      throw Failure(.invalidArgument, "tails has \(tails.count) entries for \(batch.count) sequences")
    }
    for (sequence, tail) in tails.enumerated() where tail < 0 || tail > batch.lengths[sequence] {
      throw Failure(
        .invalidArgument,
        "tails[\(sequence)] is \(UInt(bitPattern: tail)); the sequence has \(batch.lengths[sequence]) tokens")
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
