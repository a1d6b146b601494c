import AttendBase
import AttendDispatch
import AttendGrammars
import AttendKernelInterface

/// The memory in which one thread works on rows of logits.
package final class RowScratch {
  let logits: LogitsScratch
  /// `[vocabulary]`, for logits that are looked at more than once.
  let copy: AlignedBuffer
  /// The tokens that a grammar allows: bit `id % 32` of word `id / 32`.
  let allowed: UnsafeMutablePointer<UInt32>
  private let allowedWords: AlignedBuffer

  package init(vocabulary: Int) throws(Failure) {
    logits = try LogitsScratch(vocabulary: vocabulary)
    let words = (vocabulary + 31) / 32
    allowedWords = try AlignedBuffer(words, of: UInt32.self, for: "the tokens that a grammar allows")
    allowed = allowedWords.pointer()
    allowed.initialize(repeating: 0, count: words)
    copy = try AlignedBuffer(vocabulary, of: Float.self, for: "a copy of the logits")
  }
}

/// Log-softmax of a row that is left as it is: the largest number, and the logarithm of the sum of exp(x - largest).
package struct Normalizer: BitwiseCopyable {
  let largest: Float
  let logarithm: Float

  func logProbability(_ score: Float) -> Float { (score - largest) - logarithm }

  /// The same for scores that are log-probabilities under `other` already.
  func after(_ other: Normalizer) -> Normalizer {
    Normalizer(largest: largest - other.largest, logarithm: logarithm - other.logarithm)
  }
}

/// A row that was processed for beams, and what makes of it the numbers that they add up.
struct ProcessedRow: BitwiseCopyable {
  let scores: UnsafePointer<Float>
  /// Blocks in which no score is above the largest; nil: not known.
  let bounds: RowBlocks?
  /// Log-softmax of the row before it was processed; nil: the row holds the result.
  let before: Normalizer?
  /// Log-softmax of the result; nil where it is normalised, or nobody asks.
  let after: Normalizer?

  init(
    _ scores: UnsafePointer<Float>, bounds: RowBlocks? = nil, before: Normalizer? = nil, after: Normalizer? = nil
  ) { (self.scores, self.bounds, self.before, self.after) = (scores, bounds, before, after) }
}

/// Hears each token as it is chosen; of what does not come in order (beams) nothing.
package protocol TokenObserver: AnyObject {
  /// A token of sequence `sequence` of the request. Returns what is to become of the sequence.
  func generated(
    sequence: Int, token: Int32, logProbability: Float, alternatives: UnsafeBufferPointer<TokenAlternative>,
    reason: FinishReason?
  ) throws(Failure) -> Verdict
}

/// What an observer wants.
package enum Verdict: Sendable {
  case goOn
  /// No more of this sequence.
  case endSequence
  /// No more of this request.
  case endRequest
}

/// One request as its search sees it: options, checked; prompt and source; and the work on a row of logits that all
/// searches share.
package final class SearchContext {
  package let engine: Engine
  package let vocabulary: Int
  package let options: SearchOptions
  /// The prompt of a decoder, or the decoder's start and forced prefix.
  private let promptList: TokenList
  /// The source of an encoder-decoder; nil: the prompt is the source.
  private let sourceList: TokenList?
  /// Pictures or sounds that it reads; nil: tokens are all.
  package let input: (any StepInput)?
  /// The prompt, or the source of an encoder-decoder, that guidance leads away from; nil: no guidance.
  let otherPrompt: TokenList?
  private let endTokens: FixedArray<Int32>?
  private let processors: LogitsProcessors
  private let sampler: Sampler?
  let stopStrings: StopStrings?
  /// What the generated text must match; nil: anything.
  package let grammar: CompiledGrammar?
  /// The smaller model that drafts; nil: none.
  private let assistant: Assistant?
  /// Whether what its rows have read may be read again in other parts, and comes to the same.
  let canReread: Bool
  /// What drafts cost in the batch that the request is in.
  package var price = DraftPrice()
  package weak var observer: (any TokenObserver)?
  /// Set when an observer wants no more of the request.
  private(set) var isEnded = false

  package init(
    _ options: SearchOptions, prompt: TokenList, source: TokenList?, input: (any StepInput)? = nil,
    otherPrompt: TokenList? = nil,
    model: any StepModel,
    stopStrings: StopStrings? = nil, grammar: CompiledGrammar? = nil, assistant: Assistant? = nil
  ) throws(Failure) {
    try options.check(
      vocabulary: model.vocabulary, isEncoderDecoder: model.readsSources, promptCount: prompt.count)
    (self.options, engine, vocabulary) = (options, model.engine, model.vocabulary)
    (endTokens, self.otherPrompt) = (options.logits.endTokens, otherPrompt)
    let longest = max(prompt.count, otherPrompt?.count ?? 0).saturatingAdd(options.maximalNewTokens)
    canReread = longest <= model.longestRereading
    (promptList, sourceList, self.stopStrings) = (prompt, source, stopStrings)
    self.input = input
    try options.speculation.check(assistant, for: model, options)
    self.assistant = assistant
    self.grammar = grammar
    let rows = model.engine.kernels.rows
    var logits = options.logits
    logits.maximalNewTokens = options.maximalNewTokens
    if options.rules == .ctranslate2, options.ctranslate2.alternatives {
      // The processors see what follows an alternative only; the minimal length counts what is before.
      logits.minimalLength = max(logits.minimalLength - options.ctranslate2.prefixCount - 1, 0)
    }
    processors = try LogitsProcessors(logits, vocabulary: model.vocabulary, rows: rows)
    sampler = options.samples ? try Sampler(options.chain, vocabulary: model.vocabulary, rows: rows) : nil
  }

  // MARK: Texts

  package var prompt: UnsafeBufferPointer<Int32> { promptList.tokens }
  package var source: UnsafeBufferPointer<Int32> { (sourceList ?? promptList).tokens }
  package var otherPromptCount: Int { otherPrompt?.count ?? 0 }
  package var sourceToRead: UnsafeBufferPointer<Int32>? { sourceList?.tokens }

  /// Tokens for which there is room from the start.
  var expectedLength: Int { prompt.count + min(options.maximalNewTokens, SearchContext.roomAtStart) }

  private static let roomAtStart = 256

  /// The candidates of a step that a beam search looks at: enough for `beams` that go on, if each of the others ends.
  func candidatesPerStep(beams: Int) -> Int { max(2, 1 + (endTokens?.count ?? 0)) * beams }

  // MARK: Rows of logits

  /// Whether tokens that the grammar leaves no choice about are taken together.
  var fastForwards: Bool { options.fastForward && grammar?.tokens.cutsTexts == true }

  /// Whether the logits of a token that is taken anyway are looked at: for its log-probability, or for an option that
  /// may forbid it.
  var wantsScores: Bool { options.logProbabilities || options.alternatives > 0 || !processors.isEmpty }

  /// Whether the search wants to know what is attended to in the source.
  var readsAttention: Bool { options.attention || options.ctranslate2.coveragePenalty != 0 }

  /// Whether the search needs the states of the whole prompt.
  var readsStates: Bool { options.penaltyAlpha > 0 }

  /// Whether the prompt is read in one step.
  var readsPromptAtOnce: Bool {
    isGuided || readsAttention || readsStates || input?.readsPromptAtOnce == true
  }

  /// Whether every hypothesis is read behind two prompts (classifier-free guidance; Sanchez et al. 2023, arXiv
  /// 2306.17806).
  package var isGuided: Bool { otherPrompt != nil }

  /// Leads logits away from those behind the other prompt, which are written over.
  func guide(_ logits: Matrix, awayFrom other: Matrix) {
    for row in 0..<logits.rows {
      LogitsProcessors.guide(
        conditional: logits[row], unconditional: other[row], scale: options.logits.guidanceScale, into: logits[row],
        count: vocabulary, rows: engine.kernels.rows)
    }
  }

  private func history(_ tokens: UnsafeBufferPointer<Int32>, _ sequence: Int, unseen: Int = 0) -> History {
    History(
      tokens: UnsafeBufferPointer(rebasing: tokens.dropFirst(unseen)), promptCount: max(prompt.count - unseen, 0),
      source: source, sequence: sequence)
  }

  private func buffer(_ scores: UnsafeMutablePointer<Float>) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: scores, count: vocabulary)
  }

  /// Applies the processors to logits, and forbids what `matcher` does not allow. The processors do not see the
  /// `unseen` first tokens of the history.
  func process(
    _ scores: UnsafeMutablePointer<Float>, history tokens: UnsafeBufferPointer<Int32>, sequence: Int,
    _ matcher: Matcher?, _ scratch: RowScratch, diversity: Diversity? = nil, unseen: Int = 0
  ) throws(Failure) {
    let matcher = beginsOutsideText(tokens.count - unseen) ? nil : matcher
    try processors.process(
      buffer(scores), history(tokens, sequence, unseen: unseen), scratch.logits, diversity: diversity,
      allowed: try allowed(by: matcher, scratch))
  }

  /// The same for a row whose blocks the model may have summed up: they are those of the result then.
  func process(
    _ logits: RowLogits, history tokens: UnsafeBufferPointer<Int32>, sequence: Int, _ matcher: Matcher?,
    _ scratch: RowScratch, unseen: Int = 0
  ) throws(Failure) {
    try process(logits[0], history: tokens, sequence: sequence, matcher, scratch, unseen: unseen)
    if let blocks = logits.blocks {
      engine.summarize(logits[0], where: scratch.logits.changed, into: blocks, row: 0)
    }
  }

  /// Whether the token behind `count` others is forced and stands for no text, as that of a language does
  /// (forced_bos_token_id): a grammar of texts has no say about it, and a matcher stays where it is.
  private func beginsOutsideText(_ count: Int) -> Bool {
    guard let grammar, count == 1, let first = options.logits.forcedFirst, !isEnd(first) else { return false }
    return Int(first) < grammar.tokens.count && grammar.tokens.bytes(of: first).isEmpty
  }

  /// The tokens that a grammar allows next, an end token among them where the text may end; nil without a grammar.
  private func allowed(by matcher: Matcher?, _ scratch: RowScratch) throws(Failure) -> UnsafePointer<UInt32>? {
    guard let matcher else { return nil }
    try matcher.allowed(into: scratch.allowed)
    if let endTokens {
      let mayStop = try matcher.mayStop()
      for end in endTokens {
        let bit = UInt32(1) << UInt32(end & 31)
        if mayStop { scratch.allowed[Int(end >> 5)] |= bit } else { scratch.allowed[Int(end >> 5)] &= ~bit }
      }
    }
    return UnsafePointer(scratch.allowed)
  }

  /// Log-softmax of a row as it stands, from its `blocks` where they are given.
  func normalizer(_ scores: UnsafePointer<Float>, _ blocks: RowBlocks? = nil) -> Normalizer {
    var largest: Float = 0
    let logarithm =
      if let blocks {
        engine.logSumOfExponentials(blocks, row: 0, largest: &largest)
      } else { engine.logSumOfExponentials(scores, count: vocabulary, largest: &largest) }
    return Normalizer(largest: largest, logarithm: logarithm)
  }

  /// Log-softmax, then the processors, as beams want them. Returns what makes log-probabilities of the result: nil
  /// where it is normalised, or nobody asks.
  func logSoftmaxAndProcess(
    _ scores: UnsafeMutablePointer<Float>, history: UnsafeBufferPointer<Int32>, sequence: Int, _ matcher: Matcher?,
    _ scratch: RowScratch
  ) throws(Failure) -> Normalizer? {
    engine.logSoftmax(row: scores, count: vocabulary)
    guard !processors.isEmpty || matcher != nil else { return nil }
    try process(scores, history: history, sequence: sequence, matcher, scratch)
    return options.logProbabilities ? normalizer(scores) : nil
  }

  /// The same for beams of which nothing but the best continuations counts. Where the processors forbid at most, the
  /// row stays as it is: what is chosen of it is brought to log-probabilities then, and few blocks are read
  /// where they are summed up.
  func processForBeams(
    _ logits: RowLogits, history tokens: UnsafeBufferPointer<Int32>, sequence: Int, _ matcher: Matcher?,
    _ scratch: RowScratch
  ) throws(Failure) -> ProcessedRow {
    let scores = logits[0], blocks = logits.blocks
    guard processors.onlyForbids(after: history(tokens, sequence)) else {
      let after = try logSoftmaxAndProcess(scores, history: tokens, sequence: sequence, matcher, scratch)
      return ProcessedRow(scores, after: after)
    }
    let before = normalizer(scores, blocks)
    guard !processors.isEmpty || matcher != nil else { return ProcessedRow(scores, bounds: blocks, before: before) }
    try process(logits, history: tokens, sequence: sequence, matcher, scratch)
    let after = options.logProbabilities ? normalizer(scores, blocks).after(before) : nil
    return ProcessedRow(scores, bounds: blocks, before: before, after: after)
  }

  /// The most probable token; nil where none can follow.
  func best(_ scores: UnsafePointer<Float>) -> Int32? {
    var value: Float = 0
    var token: Int32 = 0
    engine.topK(scores, count: vocabulary, k: 1, values: &value, indices: &token)
    return value > -.infinity ? token : nil
  }

  /// The next token of a sequence, at random or the most probable; nil where none can follow. The logits stay as they
  /// are.
  func choose(
    _ scores: UnsafeMutablePointer<Float>, history tokens: UnsafeBufferPointer<Int32>, sequence: Int,
    _ state: inout SamplingState, _ scratch: RowScratch
  ) throws(Failure) -> Int32? {
    guard let sampler else { return best(scores) }
    return try sampler.choose(buffer(scores), history(tokens, sequence), scratch.logits, &state)?.token
  }

  /// Leaves of processed scores what the steps of sampling do. Returns a copy of what was there.
  func filter(
    _ scores: UnsafeMutablePointer<Float>, history tokens: UnsafeBufferPointer<Int32>, sequence: Int,
    _ noise: BeamNoise, _ scratch: RowScratch
  ) throws(Failure) -> UnsafePointer<Float> {
    let copy: UnsafeMutablePointer<Float> = scratch.copy.pointer()
    copy.update(from: scores, count: vocabulary)
    let draws = Draws(token: 0, exclusion: noise.exclusion)
    try sampler?.filter(buffer(scores), history(tokens, sequence), scratch.logits, draws, mu: 0)
    return UnsafePointer(copy)
  }

  // MARK: Drafts

  /// Whether tokens are drafted.
  var drafts: Bool { assistant != nil || options.speculation.promptLookupTokens > 0 }

  /// The drafter of the request, with a session of the assistant: it is made when there is something to be drafted, so
  /// that requests that wait for their turn have none. nil: nothing is drafted.
  func makeDrafter() throws(Failure) -> (any Drafter)? {
    try options.speculation.makeDrafter(
      prompt: promptList, source: sourceList, assistant: try assistant?.begin(), options)
  }

  // MARK: Ends

  func isEnd(_ token: Int32) -> Bool {
    guard let endTokens else { return false }
    for end in endTokens where end == token { return true }
    return false
  }

  /// Forbids the end tokens.
  func forbidEnds(_ scores: UnsafeMutablePointer<Float>) {
    if let endTokens { for end in endTokens { scores[Int(end)] = -.infinity } }
  }

  /// A candidate that ends as transformers 4 writes it down: with the first of the end tokens, whichever was chosen.
  func withFirstEnd(_ candidate: BeamCandidates.Candidate) -> BeamCandidates.Candidate {
    guard let endTokens, isEnd(candidate.token) else { return candidate }
    var candidate = candidate
    candidate.token = endTokens[0]
    return candidate
  }

  /// Why a hypothesis ends with `token` behind `history`; nil if it goes on.
  func ending(_ history: UnsafeBufferPointer<Int32>, with token: Int32, isLast: Bool) -> FinishReason? {
    if isEnd(token) { return .end }
    if let stopStrings, stopStrings.isCompleted(by: token, behind: history) { return .stop }
    return isLast ? .length : nil
  }

  /// The same for a sequence that stands at `matcher` in the grammar, which takes the token.
  func ending(
    _ history: UnsafeBufferPointer<Int32>, with token: Int32, isLast: Bool, _ matcher: inout Matcher?
  ) throws(Failure) -> FinishReason? {
    let reason = ending(history, with: token, isLast: isLast)
    guard reason != .end, matcher != nil else { return reason }
    _ = try matcher?.accept(token)
    return try matcher?.isFinished() == true ? .grammar : reason
  }

  /// The score of a hypothesis of `length` generated tokens: sum / length^penalty.
  func score(_ sum: Double, length: Int) -> Double {
    let penalty = options.lengthPenalty
    return penalty == 1 ? sum / Double(length) : sum / Exponential.exp(penalty * Exponential.log(Double(length)))
  }

  /// Every token is forbidden.
  func nothingFollows(_ generated: Int) -> Failure {
    Failure(
      .invalidState,
      "no token can follow after \(generated) generated ones: the options forbid each of the \(vocabulary) there are")
  }

  // MARK: Observers

  /// Tells of a token; a sequence that is not wanted any more ends.
  func tell(
    sequence: Int, token: Int32, logProbability: Float, alternatives: UnsafeBufferPointer<TokenAlternative>,
    reason: FinishReason?
  ) throws(Failure) -> Verdict {
    guard let observer, !isEnded else { return .goOn }
    let verdict = try observer.generated(
      sequence: sequence, token: token, logProbability: logProbability, alternatives: alternatives, reason: reason)
    if case .endRequest = verdict { isEnded = true }
    return verdict
  }
}
