import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

extension Session {
  /// The logits of the head for the last encode, computed now: of a decoder `[sequences, vocabulary]`, those of what
  /// follows each prompt; of any other `[tokens, outputs]` or, if the head reads one token of each sequence,
  /// `[sequences, outputs]`.
  package func encodedLogits() throws(Failure) -> Output {
    guard let head = model.head else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model without a head: it gives no logits")
    }
    guard !head.tellsNextToken || model.blueprint.kind != .encoderDecoder else {
      throw Failure(.unsupported, "what may follow a source is told by the decoder: give it a first token")
    }
    return try apply(head, to: outputs.logits, rereads: model.blueprint.shift != nil)
  }

  /// The frames of the last encode as a transducer looks at them, `[tokens, width]`.
  func encodedFrames(_ transducer: Transducer) throws(Failure) -> Output {
    let (states, _) = try beginHead()
    let y = try outputs.reserve(outputs.logits, rows: states.rows, columns: transducer.width)
    try transducer.project(states, into: y, pass)
    try pass.checkCancellation()
    return y
  }

  /// The logits of these rows of the hidden states of the last encode, by a head that reads every token, `[rows,
  /// outputs]`: where the vocabulary is large those of all tokens could be larger than the model.
  package func encodedLogits(of rows: UnsafeBufferPointer<Int>) throws(Failure) -> Output {
    guard let head = model.head, case .everyToken = head.pooling else {
      throw Failure(.internalError, "logits of tokens from a head of sequences")
    }
    let (states, _) = try beginHead()
    let x = try pass.workspace.matrix(rows.count, states.columns)
    for (index, row) in rows.enumerated() { x[index].update(from: states[row], count: states.columns) }
    let y = try outputs.reserve(outputs.logits, rows: rows.count, columns: head.outputs)
    try head.apply(x, into: y, pass)
    try pass.checkCancellation()
    return y
  }

  /// The vectors of the pooler for the last encode, computed now, `[sequences, width]`, or in a folder of
  /// sentence-transformers those of its modules, `[sequences, outputs]`.
  package func pooledStates() throws(Failure) -> Output {
    let reader = outputs.reader
    if let head = model.sentenceHead ?? reader.flatMap({ model.embeddingHead(of: $0) }) {
      let (states, lengths) = try beginHead()
      let y = try outputs.reserve(outputs.pooled, rows: lengths.count, columns: head.outputs)
      if let reader, model.sentenceHead == nil, model.endToken(of: reader) != nil {
        try head.finish(try lastTokens(states), into: y, pass)
      } else {
        try head.apply(states, lengths: lengths, into: y, pass)
      }
      try pass.checkCancellation()
      return y
    }
    guard let pooler = model.pooler else {
      throw Failure(.unsupported, "this checkpoint is of a \(model.blueprint.family) model without a pooler")
    }
    return try apply(pooler, to: outputs.pooled)
  }

  private func apply(_ head: Head, to buffer: OutputBuffer, rereads: Bool = false) throws(Failure) -> Output {
    let (encoded, lengths) = try beginHead()
    let states = rereads ? try rereadStates() : encoded
    let x =
      switch head.pooling {
      case .everyToken: states
      case .nextToken: try pooled(states, lengths, .lastToken)
      case .lastToken, .lastEnd: try lastTokens(states)
      case .firstToken: try pooled(states, lengths, .firstToken)
      case .meanOfTokens: try pooled(states, lengths, .mean)
      case .joined(let pooling): try pooled(states, lengths, pooling)
      }
    let y = try outputs.reserve(buffer, rows: x.rows, columns: head.outputs)
    try head.apply(x, into: y, pass)
    try pass.checkCancellation()
    return y
  }

  /// The last encode as a head reads it, with scratch memory that is free again.
  private func beginHead() throws(Failure) -> (states: Matrix, lengths: SequenceLengths) {
    let encoded = try outputs.encoded()
    try pass.workspace.reset()
    cancellation.begin(work: 0)
    return encoded
  }

  /// The last token of each sequence that the head reads, `[sequences, width]`, in scratch memory.
  private func lastTokens(_ states: Matrix) throws(Failure) -> Matrix {
    let rows = try outputs.lastTokens()
    let vectors = try pass.workspace.matrix(rows.count, states.columns)
    for (index, row) in rows.enumerated() { vectors[index].update(from: states[row], count: states.columns) }
    return vectors
  }

  /// One vector for each sequence, `[sequences, width]`, in scratch memory.
  private func pooled(_ states: Matrix, _ lengths: SequenceLengths, _ mode: Pooling.Mode) throws(Failure) -> Matrix {
    try pooled(states, lengths, Pooling([mode]))
  }

  private func pooled(_ states: Matrix, _ lengths: SequenceLengths, _ pooling: Pooling) throws(Failure) -> Matrix {
    let vectors = try pass.workspace.matrix(lengths.count, pooling.outputs(width: states.columns))
    try pooling.apply(states, lengths: lengths, into: vectors, pass)
    return vectors
  }
}
