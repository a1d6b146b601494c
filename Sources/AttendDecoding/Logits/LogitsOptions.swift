import AttendBase

/// A number that is added to the logit of an id; minus infinity forbids the id.
package struct TokenBias: Sendable {
  package let token: Int32
  package let bias: Float

  package init(token: Int32, bias: Float) {
    self.token = token
    self.bias = bias
  }
}

/// A number that is added to the logit of the last id of a sequence where the history ends with the others.
package struct SequenceBias: Sendable {
  package let tokens: FixedArray<Int32>
  package let bias: Float

  package init(tokens: FixedArray<Int32>, bias: Float) {
    self.tokens = tokens
    self.bias = bias
  }
}

/// The growth of the end tokens' logits with the length, exponential_decay_length_penalty.
package struct ExponentialDecay: Sendable {
  /// The number of generated ids after which it begins.
  package let start: Int
  /// The factor of each further id; above 1 it shortens.
  package let factor: Double

  package init(start: Int, factor: Double) {
    self.start = start
    self.factor = factor
  }
}

/// A function of the user's own that changes the logits of one row, `[vocabulary]`. It runs on whatever thread has the
/// row, several at once where the rows of a batch are shared out.
package typealias LogitsFunction =
  @Sendable (_ scores: UnsafeMutableBufferPointer<Float>, _ history: History) throws(Failure) -> Void

/// A function of the user's own that says which ids may follow (prefix_allowed_tokens_fn): it sets bit `id % 32` of
/// word `id / 32` for each of them in a set that is empty before. It runs where a `LogitsFunction` does.
package typealias AllowedTokensFunction =
  @Sendable (_ history: History, _ allowed: UnsafeMutableBufferPointer<UInt32>) throws(Failure) -> Void

/// The changes to be made to logits before one is chosen. The names in the comments are those of transformers'
/// GenerationConfig, where it has them; `LogitsProcessors` has the order. Every default changes nothing.
package struct LogitsOptions: Sendable {
  // MARK: Biases

  /// sequence_bias. Several that match for one id add up; of equal sequences the last counts.
  package var sequenceBias: FixedArray<SequenceBias>?
  /// logit_bias of OpenAI and llama.cpp. Of equal ids the last counts.
  package var logitBias: FixedArray<TokenBias>?
  /// bad_words_ids: sequences that are never completed. A single end token among them is ignored.
  package var badWords: FixedArray<FixedArray<Int32>>?

  // MARK: Repetition

  /// repetition_penalty (Keskar et al. 2019, arXiv:1909.05858): positive logits of ids that occurred are divided by it,
  /// others multiplied.
  package var repetitionPenalty: Float = 1
  /// frequency_penalty of OpenAI and llama.cpp: subtracted for each time that the id occurred.
  package var frequencyPenalty: Float = 0
  /// presence_penalty of OpenAI and llama.cpp: subtracted if the id occurred.
  package var presencePenalty: Float = 0
  /// penalty_last_n of llama.cpp: how many of the last ids the three penalties above look at, the prompt's among them;
  /// -1: all.
  package var penaltyWindow = -1
  /// encoder_repetition_penalty: raises ids of the source where it is above 1.
  package var encoderRepetitionPenalty: Float = 1
  /// no_repeat_ngram_size; 0: any.
  package var noRepeatSize = 0
  /// encoder_no_repeat_ngram_size; 0: any.
  package var encoderNoRepeatSize = 0

  // MARK: Lengths

  /// eos_token_id: all that end a sequence.
  package var endTokens: FixedArray<Int32>?
  /// min_length, the prompt or start counted.
  package var minimalLength = 0
  /// min_new_tokens
  package var minimalNewTokens = 0
  /// max_length, the prompt or start counted; nil: not known here.
  package var maximalLength: Int?
  /// max_new_tokens, which wins over `maximalLength`.
  package var maximalNewTokens: Int?
  /// forced_bos_token_id: the only id that may follow a history of one.
  package var forcedFirst: Int32?
  /// forced_eos_token_id: the only id that may be the last at the maximal length.
  package var forcedLast: Int32?
  /// exponential_decay_length_penalty
  package var exponentialDecay: ExponentialDecay?

  // MARK: Permissions

  /// prefix_allowed_tokens_fn
  package var allowedByFunction: AllowedTokensFunction?
  /// suppress_tokens
  package var suppressed: FixedArray<Int32>?
  /// begin_suppress_tokens
  package var suppressedFirst: FixedArray<Int32>?
  /// return_timestamps: how timestamps of speech follow each other; nil: they are ids as others are.
  package var timestamps: TimestampRules?
  /// The shortlist: the only ids that may be written at all; nil: every id.
  package var allowed: FixedArray<Int32>?

  // MARK: The rest

  /// guidance_scale: how far the logits are moved away from those of another prompt, by `LogitsProcessors.guide`. 1:
  /// not at all.
  package var guidanceScale: Float = 1
  /// logits_processor: the user's own.
  package var function: LogitsFunction?
  /// renormalize_logits: log-softmax, last.
  package var renormalizes = false

  package init() {}
}
