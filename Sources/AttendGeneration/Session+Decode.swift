import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

extension Session {
  /// Gives live sequence i the tokens of sequence i of the batch. Returns the logits, `[tokens, vocabulary]`, unless
  /// they are not wanted. A failure leaves the live sequences as they were.
  @discardableResult package func decode(_ batch: Batch, wantsLogits: Bool) throws(Failure) -> Output? {
    guard let decoder = model.decoder, let head = model.head, head.tellsNextToken else {
      throw Failure(
        .unsupported,
        "this checkpoint is of a \(model.blueprint.family) model that tells no next token: it has no decoder, or no head for it"
      )
    }
    try requireLive()
    guard batch.count == count else {
      throw Failure(.invalidArgument, "\(batch.count) sequences of tokens for \(count) live sequences")
    }
    try batch.check(vocabulary: decoder.vocabulary, positions: nil, types: decoder.embedding.types?.count)
    try checkPositions(batch, decoder.positions(allowingBeyond: allowsBeyondPositions))
    forgetOutputs()
    cancellation.begin(work: batch.tokenCount * decoder.layers.count)
    try pass.workspace.reset()
    // Closures, and not `batch.length` itself: closures that do not escape lie on the stack, a bound method would be
    // allocated in each step.
    try cache.grow { batch.length($0) }
    let x = Matrix(try states.room(batch.tokenCount * decoder.width), rows: batch.tokenCount, columns: decoder.width)
    let rows = wantsLogits ? batch.tokenCount : 0
    let y = Matrix(try logits.room(rows * head.outputs), rows: rows, columns: head.outputs)
    let source = model.encoder == nil ? nil : try self.source.reading { batch.length($0) }
    let own = try cache.writing { batch.length($0) }
    try decoder.forward(batch.tokens, own: own, source: source, into: x, pass)
    if wantsLogits { try head.apply(x, into: y, pass) }
    try pass.checkCancellation()
    cache.advance { batch.length($0) }
    stateRows = batch.tokenCount
    return wantsLogits ? y : nil
  }

  private func checkPositions(_ batch: Batch, _ positions: Int?) throws(Failure) {
    guard let positions else { return }
    for sequence in 0..<count where batch.length(sequence) > positions - cache.length(sequence) {
      throw Failure(
        .invalidState,
        "live sequence \(sequence) has read \(cache.length(sequence)) tokens; \(batch.length(sequence)) more exceed the \(positions) positions of the decoder"
      )
    }
  }
}
