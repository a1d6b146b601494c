import AttendBase
import AttendCheckpoints
import AttendLayers
import AttendModels
import AttendTokenizers

extension Scorer {
  /// The scores of the tokens of each text: of a decoder those that follow on the context of the same number, or with
  /// `contexts` nil on the first token of the text itself; of an encoder-decoder those that it makes of the context,
  /// its source.
  package func score(_ texts: Batch, contexts: Batch?) throws(Failure) -> (scores: Scores, failure: Failure?) {
    if let contexts, contexts.count != texts.count {
      throw Failure(.invalidArgument, "contexts has \(contexts.count) sequences for \(texts.count) texts")
    }
    try check(texts, session.model.decoder, "texts")
    try contexts.map { (contexts) throws(Failure) in try check(contexts, try session.readingStack(), "contexts") }
    let start = try startToken(hasContexts: contexts != nil)
    var inputs = ScoreInputs()
    var (text, context) = (0, 0)
    for index in 0..<texts.count {
      let ids = texts.tokens(from: text, count: texts.lengths[index])
      text += ids.count
      var before = UnsafeBufferPointer<Int32>(start: nil, count: 0)
      if let contexts {
        before = contexts.tokens(from: context, count: contexts.lengths[index])
        context += before.count
      }
      if let start {
        guard !before.isEmpty else { throw Failure(.invalidArgument, "context \(index) is empty: a source has tokens") }
        try inputs.add(target: ids, of: before, start: start)
      } else {
        try inputs.add(ids, behind: before)
      }
    }
    return try score(inputs)
  }

  /// The same for texts that the tokenizer makes ids of, each with the special tokens of its template; the contexts are
  /// the second texts. A decoder reads context and text as one text; a token that reaches over the end of the context
  /// is scored.
  package func score(
    _ texts: TextBatch, _ tokenizer: Tokenizer
  ) throws(Failure) -> (scores: Scores, failure: Failure?) {
    let start = try startToken(hasContexts: texts.hasPairs)
    session.cancellation.begin(work: 0)
    var inputs = ScoreInputs()
    var whole = GrowingList<UInt8>(for: "a text behind its context")
    for index in 0..<texts.count {
      try session.cancellation.check()
      do throws(Failure) {
        let text = try texts.text(index),
          context = try texts.pair(index) ?? UnsafeRawBufferPointer(start: nil, count: 0)
        if let start {
          try add(text, of: context, start, tokenizer, to: &inputs)
          continue
        }
        whole.removeAll()
        for part in [context, text] { try whole.append(contentsOf: part.bindMemory(to: UInt8.self)) }
        let encoding = try tokenizer.encode(UnsafeRawBufferPointer(whole.elements))
        try inputs.add(encoding.ids.buffer, scoredFrom: try Scorer.firstToken(of: encoding, behind: context.count))
      } catch { throw Failure(error.code, "text \(index): \(error.message)") }
    }
    return try score(inputs)
  }

  private func add(
    _ target: UnsafeRawBufferPointer, of source: UnsafeRawBufferPointer, _ start: Int32, _ tokenizer: Tokenizer,
    to inputs: inout ScoreInputs
  ) throws(Failure) {
    let (target, source) = (try tokenizer.ofTargets().encode(target), try tokenizer.encode(source))
    guard target.count > 0, source.count > 0 else {
      throw Failure(.invalidArgument, "it has \(target.count) tokens, and its source \(source.count)")
    }
    try inputs.add(target: target.ids.buffer, of: source.ids.buffer, start: start)
  }

  /// The first token that reaches beyond the first `count` bytes, and stands behind another.
  private static func firstToken(of encoding: Encoding, behind count: Int) throws(Failure) -> Int {
    for place in 0..<encoding.count where encoding.special[place] == 0 && Int(encoding.offsets[place].byteEnd) > count {
      return max(place, 1)
    }
    guard count == 0, encoding.count > 0 else {
      throw Failure(.invalidArgument, "it has no tokens behind its context of \(count) bytes")
    }
    return 1
  }

  /// The first token of the decoder of an encoder-decoder; nil: the model is a decoder. Throws for contexts that the
  /// model needs or does not take.
  private func startToken(hasContexts: Bool) throws(Failure) -> Int32? {
    guard session.readsSources else { return nil }
    guard hasContexts else {
      throw Failure(
        .invalidArgument, "there are no contexts, and the model is an encoder-decoder, which makes texts of sources")
    }
    let defaults = session.model.generation
    guard let start = defaults.decoderStart ?? defaults.begin else {
      throw Failure(.invalidArgument, "decoder_start_token_id is in neither configuration of the checkpoint")
    }
    return Int32(start)
  }

  private func check(_ batch: Batch, _ stack: Stack?, _ name: String) throws(Failure) {
    guard batch.types == nil else {
      throw Failure(.invalidArgument, "\(name).token_types is set: what is scored has no token types")
    }
    guard let stack else { return }
    do throws(Failure) { try batch.check(stack) } catch { throw Failure(error.code, "\(name): \(error.message)") }
  }
}
