import AttendBase
import AttendCheckpoints

/// FSMT (Ng et al. 2019, arXiv:1907.06616): the translation models of fairseq, with a token table for each language.
enum FSMT: Family {
  static let modelTypes = ["fsmt"]
  static let capabilities = Capabilities.encoderDecoder
  static let keyAliases = FairseqChoices.keyAliases

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    let pad = try config.integer("pad_token_id", default: 1)
    return try .fairseq(
      config, modelType: modelType,
      FairseqChoices(
        isPreNorm: false, activation: "relu", scalesEmbedding: true,
        positions: { .sinusoidal(name: $0, count: $1, offset: pad + 1, endsAtLongest: true, padding: pad) },
        embeddingNorm: false,
        finalNorm: false, logitsBias: false, sharesTables: false, output: "model.decoder.output_projection"),
      task: try headTask(config))
  }
}
