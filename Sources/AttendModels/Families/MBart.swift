import AttendBase
import AttendCheckpoints

/// mBART (Liu et al. 2020, arXiv:2001.08210) and mBART-50: BART with its norms before the sub-layers and one more at
/// the end.
enum MBart: Family {
  static let modelTypes = ["mbart"]
  static let capabilities = Capabilities.encoderDecoder
  static let keyAliases = FairseqChoices.keyAliases

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try .fairseq(
      config, modelType: modelType,
      FairseqChoices(
        isPreNorm: true, activation: "gelu", scalesEmbedding: false,
        positions: { .learned(name: $0, count: $1, offset: 2) }, embeddingNorm: true, finalNorm: true, logitsBias: true),
      task: try headTask(config))
  }
}
