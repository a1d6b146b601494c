import AttendBase

/// How the answer to a request is searched for. The names in comments are those of transformers' GenerationConfig,
/// https://huggingface.co/docs/transformers/main_classes/text_generation, unless another is named.
package struct SearchOptions: Sendable {
  // MARK: Beams

  /// num_beams: hypotheses that are continued side by side; 1: greedy search or sampling.
  package var beams = 1
  /// num_beam_groups: groups of beams that keep away from each other (Vijayakumar et al. 2016, arXiv 1610.02424).
  package var groups = 1
  /// diversity_penalty: by how much a token is lowered for each beam of an earlier group that just took it
  package var diversityPenalty: Float = 0
  /// pad_token_id: the token that the rows of an ended group are filled up with, which the diversity penalty counts as
  /// transformers does; nil: none.
  package var paddingToken: Int32?
  /// num_return_sequences: hypotheses that are returned of beams, samples that are drawn
  package var sequences = 1
  /// length_penalty: the exponent of the length that the sum of a finished beam is divided by
  package var lengthPenalty = 1.0
  /// early_stopping
  package var earlyStopping = EarlyStopping.likely
  /// force_words_ids: of each requirement the phrases of which one must appear
  package var requiredPhrases: [[[Int32]]] = []
  /// Whose rules a beam search follows.
  package var rules = BeamRules.transformers
  /// What only `BeamRules.ctranslate2` knows.
  package var ctranslate2 = CTranslate2Options()

  // MARK: Contrastive search

  /// penalty_alpha: the weight of being unlike what was written, for contrastive search (Su et al. 2022, arXiv
  /// 2202.06417); 0: none
  package var penaltyAlpha: Float = 0
  /// top_k of contrastive search: how many tokens are tried at each place
  package var contrastiveTopK = 0

  // MARK: Sampling

  /// do_sample
  package var samples = false
  package var sampling = SamplingOptions()

  // MARK: Lengths and ends

  /// Tokens to be generated at most: what max_new_tokens, max_length and the positions of the model leave.
  package var maximalNewTokens = 20

  // MARK: Processors

  /// The changes to be made to logits, ends and lengths included.
  package var logits = LogitsOptions()

  // MARK: Speculation

  /// What makes the search faster and leaves its results as they are.
  package var speculation = SpeculationOptions()

  /// grammar_fast_forward: whether greedy search and sampling take tokens together that the grammar leaves no choice
  /// about, as the tokenizer cuts them; else each of them is chosen among those that spell the beginning of that text.
  package var fastForward = true

  // MARK: Results

  /// Whether log-probabilities of the generated tokens are computed.
  package var logProbabilities = false
  /// How many alternatives are kept at each place.
  package var alternatives = 0
  /// Whether attention over the source is kept (CTranslate2's return_attention).
  package var attention = false

  package init() {}

  /// The chain of samplers. Beams keep a token more at each step than there are end tokens, as transformers does, so
  /// that they can go on.
  var chain: SamplingOptions {
    var chain = sampling
    if beams > 1 { chain.minimalKept = max(chain.minimalKept, 1 + max(logits.endTokens?.count ?? 0, 1)) }
    return chain
  }

  /// When a beam search ends, once it has as many finished sequences as beams.
  package enum EarlyStopping: Sendable {
    /// true: at once
    case first
    /// false: when a better one is not to be expected
    case likely
    /// "never": when a better one is impossible
    case never
  }

  /// Two definitions of beam search, which differ in when they stop, what they normalise by, and where the processors
  /// act.
  package enum BeamRules: Sendable { case transformers, ctranslate2 }
}

/// Options of CTranslate2's beam search, by its names. Others of its options are `SearchOptions` and `LogitsOptions`
/// under its rules: beam_size is num_beams, num_hypotheses num_return_sequences, suppress_sequences bad_words_ids;
/// min_decoding_length min_length, the start not counted; max_decoding_length, without a forced prefix, the new tokens.
package struct CTranslate2Options: Sendable {
  /// patience: the search stops with round(beam_size * patience) results (Kasai et al. 2022, arXiv 2204.05424).
  package var patience = 1.0
  /// coverage_penalty (Wu et al. 2016, arXiv 1609.08144, equation 14)
  package var coveragePenalty = 0.0
  /// How many of the last tokens of the prompt are a target_prefix that is forced: processors see it, and lengths count
  /// it.
  package var prefixCount = 0
  /// prefix_bias_beta: how strongly beams are drawn to `biasedPrefix`, in [0, 1)
  package var prefixBias = 0.0
  /// The target_prefix that beams are drawn to, which is no part of the prompt.
  package var biasedPrefix: [Int32] = []
  /// return_alternatives: hypotheses are the most probable next tokens after the prefix, each continued by itself.
  package var alternatives = false
  /// min_alternative_expansion_prob
  package var minimalAlternativeProbability = 0.0

  package init() {}

  /// With how many results a search of `beams` beams stops.
  func mostResults(beams: Int) -> Int { max(Int((Double(beams) * patience).rounded()), 1) }
}
