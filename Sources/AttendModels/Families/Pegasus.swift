import AttendBase
import AttendCheckpoints

/// PEGASUS (Zhang et al. 2019, arXiv:1912.08777): pre-norm, sinusoids, a norm at the end.
enum Pegasus: Family {
  static let modelTypes = ["pegasus"]
  static let capabilities = Capabilities.encoderDecoder
  static let keyAliases = FairseqChoices.keyAliases

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try .fairseq(
      config, modelType: modelType,
      FairseqChoices(
        isPreNorm: true, activation: "gelu", scalesEmbedding: false,
        positions: { .sinusoidal(name: $0, count: $1, offset: 0, endsAtLongest: false) }, embeddingNorm: false,
        finalNorm: true, logitsBias: true), task: try headTask(config))
  }
}
