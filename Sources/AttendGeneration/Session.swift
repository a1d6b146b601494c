import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

/// The live sequences of one caller, with their caches and scratch memory. One thread at a time.
package final class Session {
  package let model: Model
  let pass: Pass
  let cache: KeyValueCache  // what the decoder has read
  let source: KeyValueCache  // what the encoder has read, as the decoder's cross-attention sees it
  let encoderCache: KeyValueCache?  // keys and values of one encoder layer, during an encode
  private let states = OutputBuffer(purpose: "the hidden states")
  private let logits = OutputBuffer(purpose: "the logits")
  private var stateRows = 0
  private(set) var isEncoded = false

  /// Rows are tokens of a call; `columns` numbers each. Valid until the next call.
  package typealias Output = Matrix

  /// Positions for which pages are set aside at the start, so that the token loop asks the system for nothing.
  private static let positionsAhead = 512

  /// `threads` 0: as the model.
  package init(model: Model, threads: Int) throws(Failure) {
    guard threads <= model.engine.threads else {
      throw Failure(.invalidArgument, "threads is \(threads); the model was created with \(model.engine.threads)")
    }
    guard let decoder = model.decoder ?? model.encoder else { throw Failure(.internalError, "a model without layers") }
    self.model = model
    pass = Pass(engine: threads == 0 ? model.engine : model.engine.with(threads: threads), workspace: Workspace())
    let pool = PagePool(layout: decoder.keyValueLayout)
    cache = KeyValueCache(pool: pool)
    source = KeyValueCache(pool: pool)
    encoderCache = model.encoder.map { KeyValueCache(pool: PagePool(layout: $0.keyValueLayout)) }
  }

  /// How many sequences are live.
  package var count: Int { cache.count }

  /// How many tokens the decoder has read of a live sequence.
  package func length(_ sequence: Int) -> Int { cache.length(sequence) }

  /// Bytes of caches, outputs and scratch at this moment.
  package var bytes: Int {
    pass.workspace.bytes + cache.pool.bytes + (encoderCache?.pool.bytes ?? 0) + states.bytes + logits.bytes
  }

  /// The hidden states of the last encode or decode, `[tokens, width]`, or nil if there was none since the sequences were made or selected.
  package var hiddenStates: Output? {
    stateRows == 0 ? nil : Matrix(states.base, rows: stateRows, columns: model.width)
  }

  // MARK: Encoding

  /// Reads a batch of sources: its sequences become the live ones. After `outOfMemory` none is live; any other failure changes nothing.
  package func encode(_ batch: Batch) throws(Failure) {
    guard let encoder = model.encoder, let decoder = model.decoder, let encoderCache else {
      throw Failure(.unsupported, "\(model.blueprint.family) is not an encoder-decoder")
    }
    try batch.check(vocabulary: encoder.vocabulary, positions: encoder.positions)
    isEncoded = false
    stateRows = 0
    cache.start(0)
    source.start(0)
    try pass.workspace.reset()

    // The keys of an encoder layer are of use during that layer only; its pages hold one layer.
    encoderCache.start(batch.count)
    defer { encoderCache.start(0) }
    try encoderCache.grow(batch.length)
    let x = Matrix(try states.room(batch.tokenCount * encoder.width), rows: batch.tokenCount, columns: encoder.width)
    try encoder.forward(batch.tokens, own: try encoderCache.writing(batch.length), source: nil, into: x, pass)

    source.start(batch.count)
    try source.grow(batch.length)
    try decoder.projectSource(x, into: try source.writing(batch.length), pass)
    source.advance(batch.length)
    cache.start(batch.count)
    try cache.pool.reserve(batch.count * KeyValueLayout.pages(for: min(decoder.positions ?? .max, Session.positionsAhead)))
    stateRows = batch.tokenCount
    isEncoded = true
  }

  // MARK: Decoding

  /// Gives live sequence i the tokens of sequence i of the batch. Returns the logits, `[tokens, vocabulary]`, unless they are not wanted.
  /// A failure leaves the live sequences as they were.
  @discardableResult
  package func decode(_ batch: Batch, wantsLogits: Bool) throws(Failure) -> Output? {
    guard let decoder = model.decoder, let head = model.head else {
      throw Failure(.unsupported, "\(model.blueprint.family) has no decoder")
    }
    try requireLive()
    guard batch.count == count else {
      throw Failure(.invalidArgument, "\(batch.count) sequences of tokens for \(count) live sequences")
    }
    try batch.check(vocabulary: decoder.vocabulary, positions: nil)
    try checkPositions(batch, decoder.positions)
    stateRows = 0
    try pass.workspace.reset()
    try cache.grow(batch.length)
    let own = try cache.writing(batch.length)
    let x = Matrix(try states.room(batch.tokenCount * decoder.width), rows: batch.tokenCount, columns: decoder.width)
    let y = Matrix(
      try logits.room(wantsLogits ? batch.tokenCount * head.outputs : 0), rows: batch.tokenCount, columns: head.outputs)
    try decoder.forward(batch.tokens, own: own, source: try source.reading(batch.length), into: x, pass)
    if wantsLogits { try head.apply(x, into: y, pass) }
    cache.advance(batch.length)
    stateRows = batch.tokenCount
    return wantsLogits ? y : nil
  }

  /// Throws `invalidState` where there is nothing to decode.
  package func requireLive() throws(Failure) {
    try requireEncoded()
    guard count > 0 else { throw Failure(.invalidState, "no sequence is live: all have been dropped by attend_session_select") }
  }

  private func requireEncoded() throws(Failure) {
    guard isEncoded else { throw Failure(.invalidState, "nothing was encoded: call attend_encode first") }
  }

  private func checkPositions(_ batch: Batch, _ positions: Int?) throws(Failure) {
    guard let positions else { return }
    for sequence in 0..<count where cache.length(sequence) + batch.length(sequence) > positions {
      throw Failure(
        .invalidState,
        "live sequence \(sequence) has read \(cache.length(sequence)) tokens; \(batch.length(sequence)) more exceed the \(positions) positions of the decoder")
    }
  }

  // MARK: Selecting

  /// Live sequence `parents[i]` of before becomes live sequence i. A failure changes nothing.
  package func select(_ parents: UnsafeBufferPointer<Int>) throws(Failure) {
    try requireEncoded()
    for (index, parent) in parents.enumerated() where parent < 0 || parent >= count {
      throw Failure(.invalidArgument, "parents[\(index)] is \(UInt(bitPattern: parent)); \(count) sequences are live")
    }
    cache.select(parents)
    source.select(parents)
    stateRows = 0
  }
}
