import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels

extension Session {
  /// Reads a batch of texts, sources or prompts: its sequences become the live ones. After `outOfMemory` and
  /// `cancelled` none is live; any other failure changes nothing.
  package func encode(_ batch: Batch) throws(Failure) {
    let stack = try readingStack(of: batch)
    try check(batch, stack)
    drop()
    cancellation.begin(work: batch.tokenCount * stack.depth)
    try read(batch, stack, positionsAhead: Session.positionsAhead)
  }

  /// Reads a batch of texts, sources or prompts: its sequences come after the live ones. A failure leaves those as they
  /// were.
  package func add(_ batch: Batch) throws(Failure) {
    let stack = try readingStack(of: batch)
    try check(batch, stack)
    cancellation.begin(work: batch.tokenCount * stack.depth)
    try read(batch, stack, positionsAhead: Session.positionsAhead)
  }

  /// Adds sequences behind the live ones whose sources have been encoded before. A failure leaves those as they were.
  func add(encoded sources: [EncodedSource]) throws(Failure) {
    guard let encoder = model.encoder, encoder.finalWidth == 0, sources.allSatisfy({ $0.width == encoder.width }) else {
      throw Failure(.internalError, "states of another encoder")
    }
    forgetOutputs()
    let first = sequences.count
    try sequences.add(sources.count)
    do throws(Failure) {
      var lengths = GrowingList<Int>(for: "the lengths of the sequences")
      for source in sources { try lengths.append(source.length) }
      let sum = sources.reduce(0) { $0.saturatingAdd($1.length) }
      try pass.workspace.reset()
      let states = try outputs.reserve(outputs.states, rows: sum, columns: encoder.width)
      var row = 0
      for source in sources {
        source.write(to: states.rows(row, source.length))
        row += source.length
      }
      try projectSource(SequenceLengths(lengths.storage, count: lengths.count), states, from: first)
      try reserve(ahead: Session.positionsAhead)
      sequences.begin()
    } catch {
      sequences.remove(from: first)
      throw error
    }
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

  /// A batch of arrays: each is one sequence. Borrowed for one call, and valid until the next.
  ///
  /// Throws `unsupported` for a model that reads none, and `invalidArgument` for an array that it cannot read.
  package func batch(_ arrays: UnsafeBufferPointer<FeatureArray>) throws(Failure) -> Batch {
    guard let stack = model.arrayReader else {
      throw Failure(
        .unsupported, "this checkpoint is of a \(model.blueprint.family) model, which reads tokens and no arrays")
    }
    guard arrays.count > 0, arrays.count <= Session.mostSequences else {
      throw Failure(
        .invalidArgument, "\(arrays.count) arrays; from 1 to \(Session.mostSequences) can be read at once")
    }
    try outputs.arrayLengths.reserve(arrays.count)
    outputs.arrayLengths.removeAll()
    var sum = 0
    for (index, array) in arrays.enumerated() {
      let length: Int
      do throws(Failure) { length = try stack.input.length(of: array) } catch {
        throw Failure(error.code, "input \(index): \(error.message)")
      }
      sum = sum.saturatingAdd(length)
      guard sum <= Batch.mostTokens else {
        throw Failure(
          .invalidArgument, "the arrays become \(sum) hidden states and more; a batch holds at most \(Batch.mostTokens)"
        )
      }
      try outputs.arrayLengths.append(length)
    }
    return Batch(arrays, lengths: outputs.arrayLengths.storage, sum: sum)
  }

  /// The stack that reads a batch.
  private func readingStack(of batch: Batch) throws(Failure) -> Stack {
    guard batch.arrays != nil else { return try readingStack() }
    guard let stack = model.arrayReader else { throw Failure(.internalError, "arrays for a model without a reader") }
    return stack
  }

  /// The stack that reads batches of tokens.
  func readingStack() throws(Failure) -> Stack {
    guard let stack = model.encoder ?? model.decoder else { throw Failure(.internalError, "a model without layers") }
    return stack
  }

  /// Throws `invalidArgument` for what `stack` cannot read.
  func check(_ batch: Batch, _ stack: Stack) throws(Failure) {
    if let pictures = batch.pictures {
      try model.requirePictures()
      guard stack.crossKeyValueLayout == nil || model.decoder === stack || pictures.count == batch.count else {
        throw Failure(
          .invalidArgument, "the batch holds \(pictures.count) pictures for \(batch.count) texts; each text has one")
      }
    } else if stack === model.encoder, stack.crossKeyValueLayout != nil {
      throw Failure(.invalidArgument, "this model reads texts beside pictures, and the batch holds none")
    }
    try checkInput(of: batch, stack)
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
      let x = try outputs.reserve(outputs.states, rows: batch.tokenCount, columns: stack.outputWidth)
      switch model.blueprint.kind {
      case .encoder: try readSource(batch, stack, into: x)
      case .encoderDecoder:
        let finals = try pass.workspace.matrix(batch.count, stack.finalWidth)
        try readSource(batch, stack, finals: finals, into: x)
        if stack === model.encoder {
          try projectSource(batch.lengths, x, finals: finals, from: first)
          try reserve(ahead: positionsAhead)
        }
      case .decoder:
        try reserve(ahead: positionsAhead)
        if stack === model.decoder {
          if let pictures = batch.pictures {
            try attach(pictures, to: batch, from: first)
          } else {
            try model.refusePlaces(in: batch.tokens(from: 0, count: batch.tokenCount))
          }
          try readPrompt(batch, stack, from: first, into: x)
        } else {
          try readText(batch, stack, into: x)
        }
      }
      outputs.keepEncoded(x, batch.lengths)
      outputs.keepLastTokens(of: batch, for: model.head)
      outputs.reader = stack
      if let end = model.endToken(of: stack) { outputs.keepEndTokens(of: batch, end) }
      if let shift { outputs.keepShifted(batch, shift) }
      sequences.begin()
    } catch {
      sequences.remove(from: first)
      throw error
    }
  }

  /// Runs the encoder, with states of other towers in the place of some of its tokens, or for its cross-attention. The
  /// keys and values of a layer are of use while it runs, and to nobody later.
  func readText(
    _ batch: Batch, _ encoder: Stack,
    splices: UnsafeBufferPointer<Splice> = UnsafeBufferPointer(start: nil, count: 0), source: KeyValues? = nil,
    finals: Matrix? = nil, into x: Matrix
  ) throws(Failure) {
    let encoderScratch = try scratch(of: encoder)
    pass.recorder?.stack = encoder === model.encoder ? .encoder : .vision
    defer {
      encoderScratch.remove(from: 0)
      pass.recorder?.stack = .decoder
    }
    try encoderScratch.add(batch.count)
    try encoderScratch.grow(batch.lengths, on: pass.engine)
    try encoder.forward(
      batch.input, splices: splices, selfKeyValues: try encoderScratch.writing(batch.lengths), crossKeyValues: source,
      finals: finals,
      into: x, pass)
  }

  /// Makes the keys and values that the decoder's cross-attention looks at, once for all steps, of the sequences from
  /// `first` on.
  func projectSource(
    _ lengths: SequenceLengths, _ states: Matrix, finals: Matrix? = nil, from first: Int
  ) throws(Failure) {
    guard let decoder = model.decoder, let cache = sequences.crossCache else {
      throw Failure(.internalError, "an encoder-decoder without cross-attention")
    }
    try cache.grow(lengths, from: first, on: pass.engine)
    try decoder.projectSource(states, finals: finals, into: try cache.writing(lengths, from: first), pass)
    cache.advance(lengths, from: first)
  }

  /// Runs the decoder over the prompts of the sequences from `first` on.
  private func readPrompt(_ batch: Batch, _ decoder: Stack, from first: Int, into x: Matrix) throws(Failure) {
    let cache = sequences.selfCache
    try cache.grow(batch.lengths, from: first, on: pass.engine)
    try decoder.forward(
      try input(of: batch, decoder, from: first), splices: try splices(batch.lengths, from: first),
      places: try places(batch.lengths, from: first, of: decoder),
      selfKeyValues: try cache.writing(batch.lengths, from: first),
      crossKeyValues: try sourceKeyValues(batch.lengths, from: first), into: x, pass)
    cache.advance(batch.lengths, from: first)
  }

  private func reserve(ahead positions: Int) throws(Failure) {
    try sequences.selfCache.reserve(ahead: min(model.decoder?.positions ?? .max, positions))
  }
}
