import AttendBase

/// The steps of a chain of samplers; the raw values are the names of their options.
package enum SamplingStep: String, Sendable, CaseIterable {
  case dry
  case topNSigma = "top_n_sigma"
  case temperature
  case topH = "top_h"
  case topK = "top_k"
  case topP = "top_p"
  case minP = "min_p"
  case typical = "typical_p"
  case epsilon = "epsilon_cutoff"
  case eta = "eta_cutoff"
  case xtc
  case mirostat
}

/// The ways to choose an id at random. The names in the comments are those of transformers' GenerationConfig, or else
/// of llama.cpp. Every default changes nothing.
package struct SamplingOptions: Sendable {
  /// temperature, which divides the logits; 0 leaves the most probable id alone.
  package var temperature = 1.0
  /// top_k (Fan, Lewis and Dauphin 2018, arXiv:1805.04833): the k most probable ids, and ties with the last; 0: all.
  package var topK = 0
  /// top_p (Holtzman et al. 2019, arXiv:1904.09751): the most probable ids that hold this much; 1: all.
  package var topP = 1.0
  /// min_p (Nguyen et al. 2024, arXiv:2407.01082): the least share of the largest probability; 0: any.
  package var minP = 0.0
  /// typical_p (Meister et al. 2022, arXiv:2202.00666): the ids whose surprise is nearest the entropy; 1: all.
  package var typicalP = 1.0
  /// top_h (Potraghloo et al. 2025, arXiv:2509.02510): of the 100 most probable ids those that hold this share of the
  /// entropy; 0: all of the vocabulary.
  package var topH = 0.0
  /// epsilon_cutoff (Hewitt, Manning and Liang 2022, arXiv:2210.15191): the least probability; 0: any.
  package var epsilon = 0.0
  /// eta_cutoff (same paper): the least probability, lower where the entropy is high; 0: any.
  package var eta = 0.0
  /// top_n_sigma (Tang et al. 2024, arXiv:2411.07641): how many standard deviations of the logits below the largest; 0:
  /// any.
  package var topNSigma = 0.0
  /// xtc_probability and xtc_threshold: how often all ids above the threshold but the least probable one go.
  package var xtcProbability = 0.0
  package var xtcThreshold = 0.1
  /// The penalty of long repetitions; nil: none.
  package var dry: DryOptions?
  /// Mirostat 2 (Basu et al. 2020, arXiv:2007.14966); nil: not that.
  package var mirostat: MirostatOptions?
  /// min_tokens_to_keep of transformers, min_keep of llama.cpp: how many ids every step leaves at least.
  package var minimalKept = 1
  /// The order of the steps. It names at least those that the options above turn on, mirostat last.
  package var order = SamplingOptions.defaultOrder
  /// The seed of the random numbers.
  package var seed: UInt64 = 0

  /// The order of transformers, from temperature to eta. Before it the steps that look at the logits of the whole
  /// vocabulary; behind it XTC, as in llama.cpp, and mirostat, which has to know what is drawn.
  package static let defaultOrder = SamplingStep.allCases

  package init() {}
}

/// DRY ("don't repeat yourself", p-e-w 2024), as llama.cpp has it: an id that would prolong a copy of what stands
/// earlier is lowered by multiplier * base^(length - allowedLength).
package struct DryOptions: Sendable {
  /// dry_multiplier
  package var multiplier: Double
  /// dry_base
  package var base = 1.75
  /// dry_allowed_length: the longest copy that costs nothing, less 1.
  package var allowedLength = 2
  /// dry_penalty_last_n: how many of the last ids are looked at; -1: all.
  package var window = -1
  /// dry_sequence_breakers, in ids: a copy does not reach over them.
  package var breakers: FixedArray<FixedArray<Int32>>?

  package init(multiplier: Double) { self.multiplier = multiplier }
}

/// The aim of mirostat 2.
package struct MirostatOptions: Sendable {
  /// tau: the surprise of an id to aim at, in bits.
  package var tau: Double
  /// eta: how fast it is learned.
  package var eta: Double

  package init(tau: Double = 5, eta: Double = 0.1) {
    self.tau = tau
    self.eta = eta
  }
}
