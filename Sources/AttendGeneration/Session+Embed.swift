import AttendBase
import AttendLayers
import AttendModels

extension Session {
  /// Sequences and tokens of a part of the texts that runs at once: enough to keep the products busy, and few enough
  /// for the memory of many texts to be that of a part. Results do not depend on it.
  private static let partSequences = 64
  private static let partTokens = 4096

  /// The embeddings of `count` texts behind a prompt, `[texts, outputs]`; `text` gives the text of a number. Of each
  /// the first `longest` numbers, nil: as many as the folder says. No sequence is live afterwards, nor after
  /// `outOfMemory` and `cancelled`. What is wrong with the texts throws `invalidArgument` and changes nothing.
  package func embed(
    _ count: Int, prompt: String, longest: Int? = nil, _ text: (_ index: Int) throws(Failure) -> UnsafeRawBufferPointer
  ) throws(Failure) -> Output {
    let head = try model.embeddingHead()
    let width = longest.map { min($0, head.width) } ?? head.outputs
    let stack = try readingStack()
    do throws(Failure) {
      cancellation.begin(work: 0)
      let texts = try model.textRules.get().tokenize(count, prompt: prompt, try model.tokenizer.get()) {
        (index) throws(Failure) in
        try pass.checkCancellation()
        return try text(index)
      }
      return try embed(texts, head, width: width, stack)
    } catch {
      if error.code == .cancelled { drop() }
      throw error
    }
  }

  private func embed(
    _ texts: borrowing TokenizedTexts, _ head: SentenceHead, width: Int, _ stack: Stack
  ) throws(Failure) -> Output {
    guard let ids = texts.ids.elements.baseAddress, let lengths = texts.lengths.elements.baseAddress else {
      throw Failure(.invalidArgument, "there are no texts: count is 0")
    }
    let types = stack.embedding?.types == nil ? nil : texts.types.elements.baseAddress
    let whole = try Batch(tokens: ids, lengths: lengths, types: types, count: texts.lengths.count)
    try check(whole, stack)
    let y = try outputs.reserve(outputs.embeddings, rows: whole.count, columns: width)
    defer { drop() }
    cancellation.begin(work: whole.tokenCount * stack.depth)
    var (first, token) = (0, 0)
    while first < whole.count {
      var (count, tokens) = (1, lengths[first])
      while first + count < whole.count, count < Session.partSequences,
        tokens + lengths[first + count] <= Session.partTokens
      {
        tokens += lengths[first + count]
        count += 1
      }
      drop()
      let part = try Batch(
        tokens: ids + token, lengths: lengths + first, types: types.map { $0 + token }, count: count)
      try read(part, stack, positionsAhead: 0)
      let (states, lengthsOfPart) = try outputs.encoded()
      try pass.workspace.reset()
      try head.apply(states, lengths: lengthsOfPart, prompt: texts.prompt, into: y.rows(first, count), pass)
      try pass.checkCancellation()
      first += count
      token += tokens
    }
    return y
  }
}
