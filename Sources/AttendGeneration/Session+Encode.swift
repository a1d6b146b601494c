import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

extension Session {
  /// Reads a batch of texts, sources or prompts: its sequences become the live ones. After `outOfMemory` and
  /// `cancelled` none is live; any other failure changes nothing.
  package func encode(_ batch: Batch) throws(Failure) {
    let stack = try readingStack()
    try check(batch, stack)
    drop()
    cancellation.begin(work: batch.tokenCount * stack.layers.count)
    try read(batch, stack, positionsAhead: Session.positionsAhead)
  }

  /// Reads a batch of texts, sources or prompts: its sequences come after the live ones. A failure leaves those as they
  /// were.
  package func add(_ batch: Batch) throws(Failure) {
    let stack = try readingStack()
    try check(batch, stack)
    cancellation.begin(work: batch.tokenCount * stack.layers.count)
    try read(batch, stack, positionsAhead: Session.positionsAhead)
  }

  /// Adds `count` sequences of a decoder of which nothing is read yet, behind the live ones: `decode` reads their
  /// prompts, in as many calls as the caller likes, to the bits of one. Pages for `positionsAhead` positions of each
  /// are set aside. A failure changes nothing.
  package func add(empty count: Int, positionsAhead: Int = Session.positionsAhead) throws(Failure) {
    guard model.blueprint.kind == .decoder else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model: only a decoder begins with nothing read"
      )
    }
    guard count > 0, count <= Session.mostSequences else {
      throw Failure(
        .invalidArgument,
        "count is \(UInt(bitPattern: count)); from 1 to \(Session.mostSequences) sequences can be added")
    }
    let first = sequences.count
    try sequences.add(count)
    do throws(Failure) { try reserve(ahead: positionsAhead) } catch {
      sequences.remove(from: first)
      throw error
    }
    sequences.begin()
    forgetOutputs()
  }

  /// The stack that reads batches.
  func readingStack() throws(Failure) -> Stack {
    guard let stack = model.encoder ?? model.decoder else { throw Failure(.internalError, "a model without layers") }
    return stack
  }

  /// Throws `invalidArgument` for what `stack` cannot read.
  func check(_ batch: Batch, _ stack: Stack) throws(Failure) {
    try batch.check(stack)
    guard let positions = stack.positions(allowingBeyond: allowsBeyondPositions) else { return }
    for sequence in 0..<batch.count where batch.lengths[sequence] > positions {
      let limit = "the model has \(positions) positions\(Session.hint(stack))"
      throw Failure(.invalidArgument, "sequence \(sequence) has \(batch.lengths[sequence]) tokens; \(limit)")
    }
  }

  /// The words that tell that more positions could be computed.
  static func hint(_ stack: Stack) -> String {
    stack.positions == nil ? " by its configuration, beyond which a session must be allowed to go" : ""
  }

  /// Reads a batch that has been checked; its sequences come after the live ones, and leave again where it fails. Pages
  /// for `positionsAhead` positions of each are set aside for the decoder.
  func read(_ batch: Batch, _ stack: Stack, positionsAhead: Int) throws(Failure) {
    forgetOutputs()
    let first = sequences.count
    try sequences.add(batch.count)
    do throws(Failure) {
      let shift = model.blueprint.shift
      try outputs.reserve(sequences: batch.count, rereading: shift == nil ? 0 : batch.tokenCount)
      try pass.workspace.reset()
      let x = try outputs.reserve(outputs.states, rows: batch.tokenCount, columns: stack.width)
      switch model.blueprint.kind {
      case .encoder: try readText(batch, stack, into: x)
      case .encoderDecoder:
        try readText(batch, stack, into: x)
        try projectSource(batch, x, from: first)
        try reserve(ahead: positionsAhead)
      case .decoder:
        try reserve(ahead: positionsAhead)
        try readPrompt(batch, stack, from: first, into: x)
      }
      outputs.keepEncoded(x, batch.lengths)
      outputs.keepLastTokens(of: batch, for: model.head)
      if let shift { outputs.keepShifted(batch, shift) }
      sequences.begin()
    } catch {
      sequences.remove(from: first)
      throw error
    }
  }

  /// Runs the encoder. The keys and values of a layer are of use while it runs, and to nobody later.
  private func readText(_ batch: Batch, _ encoder: Stack, into x: Matrix) throws(Failure) {
    guard let encoderScratch else { throw Failure(.internalError, "an encoder without pages") }
    pass.recorder?.recordsEncoder = true
    defer {
      encoderScratch.remove(from: 0)
      pass.recorder?.recordsEncoder = false
    }
    try encoderScratch.add(batch.count)
    try encoderScratch.grow(batch.lengths, on: pass.engine)
    try encoder.forward(
      batch.input, selfKeyValues: try encoderScratch.writing(batch.lengths), crossKeyValues: nil, into: x, pass)
  }

  /// Makes the keys and values that the decoder's cross-attention looks at, once for all steps, of the sequences from
  /// `first` on.
  private func projectSource(_ batch: Batch, _ states: Matrix, from first: Int) throws(Failure) {
    guard let decoder = model.decoder, let cache = sequences.crossCache else {
      throw Failure(.internalError, "an encoder-decoder without cross-attention")
    }
    try cache.grow(batch.lengths, from: first, on: pass.engine)
    try decoder.projectSource(states, into: try cache.writing(batch.lengths, from: first), pass)
    cache.advance(batch.lengths, from: first)
  }

  /// Runs the decoder over the prompts of the sequences from `first` on.
  private func readPrompt(_ batch: Batch, _ decoder: Stack, from first: Int, into x: Matrix) throws(Failure) {
    let cache = sequences.selfCache
    try cache.grow(batch.lengths, from: first, on: pass.engine)
    try decoder.forward(
      batch.input, selfKeyValues: try cache.writing(batch.lengths, from: first), crossKeyValues: nil, into: x, pass)
    cache.advance(batch.lengths, from: first)
  }

  private func reserve(ahead positions: Int) throws(Failure) {
    try sequences.selfCache.reserve(ahead: min(model.decoder?.positions ?? .max, positions))
  }

  // MARK: Heads

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

  /// The vectors of the pooler for the last encode, computed now, `[sequences, width]`, or in a folder of
  /// sentence-transformers those of its modules, `[sequences, outputs]`.
  package func pooledStates() throws(Failure) -> Output {
    if let head = model.sentenceHead {
      let (states, lengths) = try beginHead()
      let y = try outputs.reserve(outputs.pooled, rows: lengths.count, columns: head.outputs)
      try head.apply(states, lengths: lengths, into: y, pass)
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
    let vectors = try pass.workspace.matrix(lengths.count, states.columns)
    Pooling([mode]).apply(states, lengths: lengths, into: vectors, pass)
    return vectors
  }
}
