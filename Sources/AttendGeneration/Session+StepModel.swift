import AttendBase
import AttendDecoding
import AttendDispatch
import AttendLayers
import AttendModels

/// A session is what searches step. Its live sequences are their rows.
extension Session: StepModel {
  package var vocabulary: Int { model.head?.outputs ?? 0 }
  package var readsSources: Bool { model.blueprint.kind == .encoderDecoder }
  package var positions: Int? { model.decoder?.positions(allowingBeyond: allowsBeyondPositions) }
  package var longestRereading: Int { model.decoder?.input.padding == nil ? longestPrompt : 0 }
  package var stepStates: Matrix? { hiddenStates }
  package var stepBlocks: RowBlocks? { outputs.lastBlocks }

  package func cacheBytes(tokens: Int) -> Int { sequences.bytes(read: tokens, source: 0) }
  package func sourceBytes(tokens: Int) -> Int { sequences.bytes(read: 0, source: tokens) }

  package func add(prompts: RaggedTokens, known: UnsafeMutablePointer<Int>) throws(Failure) {
    guard prefixStatistics != nil else {
      try add(empty: prompts.count)
      return known.update(repeating: 0, count: prompts.count)
    }
    let before = count
    var first = 0
    do throws(Failure) {
      for row in 0..<prompts.count {
        let prompt = UnsafeBufferPointer(start: prompts.tokens + first, count: prompts.lengths[row])
        known[row] = try add(prompt: prompt)
        first += prompts.lengths[row]
      }
    } catch {
      sequences.remove(from: before)
      throw error
    }
  }

  package func known(of prompt: UnsafeBufferPointer<Int32>) -> Int {
    prompt.count <= longestPrompt ? prefixes?.known(of: prompt) ?? 0 : 0
  }

  /// Where there is no memory to keep a prefix, it is read again.
  package func remember(row: Int, prompt: UnsafeBufferPointer<Int32>) {
    if prefixStatistics != nil { try? keepPrefix(of: row, tokens: prompt) }
  }

  package func add(sources: RaggedTokens) throws(Failure) {
    try add(try Batch(tokens: sources.tokens, lengths: sources.lengths, count: sources.count))
  }

  package func add(inputs: [any StepInput], prompts: RaggedTokens) throws(Failure) {
    if inputs.first is EncodedSource {
      return try add(
        encoded: inputs.map { (input) throws(Failure) in
          guard let source = input as? EncodedSource else { throw Failure(.internalError, "inputs of several kinds") }
          return source
        })
    }
    var arrays = GrowingList<FeatureArray>(for: "the inputs of a batch")
    for input in inputs {
      guard let input = input as? MediaInput else { throw Failure(.internalError, "an input of an unknown kind") }
      for array in input.arrays { try arrays.append(array) }
    }
    defer { withExtendedLifetime(inputs) {} }
    let elements = UnsafeBufferPointer(arrays.elements)
    if readsSources { return try add(try sources(inputs, elements)) }
    let before = count
    try add(empty: prompts.count)
    do throws(Failure) {
      try pass.workspace.reset()
      let texts = try Batch(tokens: prompts.tokens, lengths: prompts.lengths, count: prompts.count)
      try attach(elements, to: texts, from: before)
    } catch {
      sequences.remove(from: before)
      throw error
    }
  }

  /// The sources of requests: arrays, or texts with these. Borrowed for one call, and valid until the next.
  private func sources(
    _ inputs: [any StepInput], _ arrays: UnsafeBufferPointer<FeatureArray>
  ) throws(Failure) -> Batch {
    sourceList.removeAll()
    sourceLengths.removeAll()
    for case let input as MediaInput in inputs {
      guard let text = input.text else { return try batch(arrays) }
      try sourceList.append(contentsOf: text.tokens)
      try sourceLengths.append(text.count)
    }
    var batch = try Batch(tokens: sourceList.storage, lengths: sourceLengths.storage, count: sourceLengths.count)
    batch.pictures = arrays
    return batch
  }

  package func summarizeLogits(_ isOn: Bool) { summarizesLogits = isOn }

  package func recordSourceAttention(_ isOn: Bool) { recordAttentions(isOn) }

  package func sourceAttention(row: Int) throws(Failure) -> UnsafeBufferPointer<Float> {
    let map = try attention(.cross, layer: (model.decoder?.depth ?? 0) - 1, sequence: row)
    return UnsafeBufferPointer(start: map.base, count: map.queries * map.keys)
  }

  package func step(_ tokens: RaggedTokens, tails: UnsafeBufferPointer<Int>) throws(Failure) -> Matrix? {
    let batch = try Batch(tokens: tokens.tokens, lengths: tokens.lengths, count: tokens.count, allowsEmpty: true)
    return try decode(batch, logits: .tails(tails))
  }
}
