import AttendBase
import AttendCheckpoints

/// BART (Lewis et al. 2019, arXiv:1910.13461): learned positions, the first two rows of whose table are unused, and a
/// norm after the embedding.
enum Bart: Family {
  static let modelTypes = ["bart"]
  static let capabilities = Capabilities.encoderDecoder
  static let keyAliases = FairseqChoices.keyAliases

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try .fairseq(
      config, modelType: modelType,
      FairseqChoices(
        isPreNorm: false, activation: "gelu", scalesEmbedding: false,
        positions: { .learned(name: $0, count: $1, offset: 2) }, embeddingNorm: true, finalNorm: false, logitsBias: true
      ), task: try headTask(config))
  }
}
