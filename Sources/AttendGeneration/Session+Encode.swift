import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

extension Session {
  /// Reads a batch of texts, sources or prompts: its sequences become the live ones. After `outOfMemory` and
  /// `cancelled` none is live; any other failure changes nothing. Pages for `positionsAhead` positions of each are set
  /// aside for the decoder.
  package func encode(_ batch: Batch, positionsAhead: Int = Session.positionsAhead) throws(Failure) {
    guard let stack = model.encoder ?? model.decoder else { throw Failure(.internalError, "a model without layers") }
    try check(batch, stack)
    drop()
    cancellation.begin(work: batch.tokenCount * stack.layers.count)
    try read(batch, stack, positionsAhead: positionsAhead)
  }

  /// Throws `invalidArgument` for what `stack` cannot read.
  func check(_ batch: Batch, _ stack: Stack) throws(Failure) {
    try batch.check(
      vocabulary: stack.vocabulary, positions: stack.positions(allowingBeyond: allowsBeyondPositions),
      types: stack.embedding.types?.count)
  }

  /// Reads a batch that has been checked, where no sequence is live.
  func read(_ batch: Batch, _ stack: Stack, positionsAhead: Int) throws(Failure) {
    try pass.workspace.reset()
    let x = Matrix(try states.room(batch.tokenCount * stack.width), rows: batch.tokenCount, columns: stack.width)
    switch model.blueprint.kind {
    case .encoder:
      try readSource(batch, stack, into: x)
      cache.start(batch.count)
    case .encoderDecoder:
      try readSource(batch, stack, into: x)
      try projectSource(batch, x)
      try start(batch.count, positionsAhead: positionsAhead)
    case .decoder:
      try start(batch.count, positionsAhead: positionsAhead)
      try cache.grow(batch.length)
      try stack.forward(batch.tokens, own: try cache.writing(batch.length), source: nil, into: x, pass)
      cache.advance(batch.length)
    }
    stateRows = batch.tokenCount
    for sequence in 0..<batch.count { encodedLengths.append(batch.length(sequence)) }
    if case .lastToken(let padding) = model.head?.reads { noteLastTokens(batch, padding) }
    isEncoded = true
  }

  /// Runs the encoder. The keys of one of its layers are of use during that layer only, so that their pages hold one
  /// layer.
  private func readSource(_ batch: Batch, _ encoder: Stack, into x: Matrix) throws(Failure) {
    guard let encoderCache else { throw Failure(.internalError, "an encoder without pages") }
    encoderCache.start(batch.count)
    pass.recorder?.readsSource = true
    defer {
      encoderCache.start(0)
      pass.recorder?.readsSource = false
    }
    try encoderCache.grow(batch.length)
    try encoder.forward(
      batch.tokens, types: batch.types, own: try encoderCache.writing(batch.length), source: nil, into: x, pass)
  }

  /// Keeps which token of each sequence a head reads that reads the last one beside padding.
  private func noteLastTokens(_ batch: Batch, _ padding: Int32?) {
    lastTokens.removeAll(keepingCapacity: true)
    var first = 0
    for length in encodedLengths {
      var last = length - 1
      while let padding, last > 0, batch.tokens[first + last] == padding { last -= 1 }
      // Of padding alone the first is read, as in the reference; of any other text the last beside it.
      lastTokens.append(first + last)
      first += length
    }
  }

  /// Makes the keys and values that the decoder's cross-attention looks at, once for all steps.
  private func projectSource(_ batch: Batch, _ states: Matrix) throws(Failure) {
    source.start(batch.count)
    try source.grow(batch.length)
    try model.decoder?.projectSource(states, into: try source.writing(batch.length), pass)
    source.advance(batch.length)
  }

  // MARK: Heads

  /// What the head makes of the last encode, computed now: of a decoder `[sequences, vocabulary]`, the logits of what
  /// follows each prompt; of an encoder `[tokens, outputs]` or, if the head reads one token of each sequence,
  /// `[sequences, outputs]`.
  package func encodedLogits() throws(Failure) -> Output {
    guard let head = model.head else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model without a head: it gives no logits")
    }
    guard model.blueprint.kind != .encoderDecoder else {
      throw Failure(.unsupported, "what may follow a source is told by the decoder: call attend_decode_step")
    }
    return try apply(head, to: logits)
  }

  /// What the pooler makes of the last encode, computed now, `[sequences, width]`, or in a folder of
  /// sentence-transformers its modules, `[sequences, outputs]`.
  package func pooledStates() throws(Failure) -> Output {
    if let head = model.sentenceHead {
      let states = try encodedStates()
      cancellation.begin(work: 0)
      let rows = encodedLengths.count
      let y = Matrix(try pooled.room(rows * head.outputs), rows: rows, columns: head.outputs)
      try head.apply(states, lengths: encodedLengths, into: y, pass)
      try pass.checkCancellation()
      return y
    }
    guard let pooler = model.pooler else {
      throw Failure(.unsupported, "this checkpoint is of a \(model.blueprint.family) model without a pooler")
    }
    return try apply(pooler, to: pooled)
  }

  private func apply(_ head: Head, to buffer: OutputBuffer) throws(Failure) -> Output {
    let states = try encodedStates()
    cancellation.begin(work: 0)
    let x =
      switch head.reads {
      case .everyToken: states
      case .nextToken: try pooled(states, .lastToken)
      case .lastToken: try rows(lastTokens, of: states)
      case .firstToken: try pooled(states, .firstToken)
      case .meanOfTokens: try pooled(states, .mean)
      }
    let y = Matrix(try buffer.room(x.rows * head.outputs), rows: x.rows, columns: head.outputs)
    try head.apply(x, into: y, pass)
    try pass.checkCancellation()
    return y
  }

  /// One vector for each sequence, `[sequences, width]`, in scratch memory.
  private func pooled(_ states: Matrix, _ mode: Pooling.Mode) throws(Failure) -> Matrix {
    let vectors = try pass.workspace.matrix(encodedLengths.count, states.columns)
    Pooling([mode]).apply(states, lengths: encodedLengths, into: vectors, pass)
    return vectors
  }

  /// Some rows of the states, `[rows, width]`, in scratch memory.
  private func rows(_ rows: [Int], of states: Matrix) throws(Failure) -> Matrix {
    let vectors = try pass.workspace.matrix(rows.count, states.columns)
    for (index, row) in rows.enumerated() { vectors[index].update(from: states[row], count: states.columns) }
    return vectors
  }

  /// The hidden states of the last encode, with scratch memory that is free again. Throws `invalidState` where the last
  /// call was none.
  func encodedStates() throws(Failure) -> Matrix {
    guard !encodedLengths.isEmpty, let states = hiddenStates else {
      throw Failure(.invalidState, "there is nothing to read: the last call on this session was no attend_encode")
    }
    try pass.workspace.reset()
    return states
  }
}
