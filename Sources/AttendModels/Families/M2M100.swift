import AttendBase
import AttendCheckpoints

/// M2M100 (Fan et al. 2020, arXiv:2010.11125) and NLLB (Costa-jussà et al. 2022, arXiv:2207.04672): pre-norm; positions
/// are counted from `pad_token_id` + 1, as fairseq does.
enum M2M100: Family {
  static let modelTypes = ["m2m_100"]
  static let capabilities = Capabilities.encoderDecoder
  static let keyAliases = FairseqChoices.keyAliases

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let pad = try config.integer("pad_token_id", default: 1)
    return try .fairseq(
      config, modelType: modelType,
      FairseqChoices(
        isPreNorm: true, activation: "relu", scalesEmbedding: true,
        positions: { .sinusoidal(name: nil, count: $1, offset: pad + 1, endsAtLongest: true, padding: pad) },
        embeddingNorm: false,
        finalNorm: true, logitsBias: false), task: try headTask(config))
  }
}
