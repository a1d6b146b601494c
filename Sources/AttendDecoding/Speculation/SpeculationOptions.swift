import AttendBase

/// How the tokens of a greedy search or of sampling are drafted. The names in comments are those of transformers'
/// GenerationConfig.
package struct SpeculationOptions: Sendable {
  /// prompt_lookup_num_tokens: tokens that are drafted at most by looking up what was read and written; 0: none are.
  package var promptLookupTokens = 0
  /// max_matching_ngram_size: tokens of the longest match that are told apart; 0: all.
  package var maximalMatchingSize = 0
  /// num_assistant_tokens: tokens that an assistant model drafts at most
  package var assistantTokens = 20
  /// assistant_confidence_threshold: the probability below which the assistant drafts no further
  package var assistantConfidence = 0.4

  package init() {}

  /// The drafter of a request; nil: nothing is drafted.
  func makeDrafter(
    prompt: TokenList, source: TokenList?, assistant: (any StepModel)?, _ search: SearchOptions
  ) throws(Failure) -> (any Drafter)? {
    if let assistant {
      return try ModelDrafter(
        assistant, prompt: prompt, source: source, sequences: search.sequences,
        mostDrafts: min(assistantTokens, SampledSequence.mostDrafts), confidence: assistantConfidence)
    }
    guard promptLookupTokens > 0 else { return nil }
    let (tokens, overflow) = search.maximalNewTokens.multipliedReportingOverflow(by: search.sequences)
    return try PromptLookup(
      source: source?.tokens, prompt: prompt.tokens, sequences: search.sequences,
      expected: overflow ? SpeculationOptions.roomAtStart : min(tokens, SpeculationOptions.roomAtStart),
      longestMatch: maximalMatchingSize > 0 ? maximalMatchingSize : .max, mostDrafts: promptLookupTokens)
  }

  /// Tokens for which there is room from the start, beside those of the prompt.
  private static let roomAtStart = 4096

  /// Throws `invalidArgument` for options that contradict each other, the search or the model, and for an assistant of
  /// another kind or vocabulary.
  func check(_ assistant: Assistant?, for model: any StepModel, _ search: SearchOptions) throws(Failure) {
    let hasAssistant = assistant != nil
    try require(promptLookupTokens >= 0, "prompt_lookup_num_tokens is \(promptLookupTokens); it is 0 or more")
    try require(maximalMatchingSize >= 0, "max_matching_ngram_size is \(maximalMatchingSize); it is 0 or more")
    guard promptLookupTokens > 0 || hasAssistant else { return }
    try require(
      promptLookupTokens == 0 || !hasAssistant,
      "prompt_lookup_num_tokens is \(promptLookupTokens) and there is an assistant model: only one of them can draft")
    let name = hasAssistant ? "an assistant model" : "prompt_lookup_num_tokens"
    try require(
      search.beams == 1, "num_beams is \(search.beams) with \(name): drafts are for greedy search and sampling")
    try require(
      search.penaltyAlpha == 0,
      "penalty_alpha is \(search.penaltyAlpha) with \(name): drafts are for greedy search and sampling")
    guard let assistant else { return }
    try require(assistantTokens > 0, "num_assistant_tokens is \(assistantTokens); it is 1 or more")
    try require(
      assistantConfidence >= 0 && assistantConfidence <= 1,
      "assistant_confidence_threshold is \(assistantConfidence); it is from 0 to 1")
    try assistant.check(for: model)
  }

  private func require(_ isMet: Bool, _ message: @autoclosure () -> String) throws(Failure) {
    guard isMet else { throw Failure(.invalidArgument, message()) }
  }
}
