import AttendBase
import AttendCheckpoints
import AttendLayers

/// PEGASUS (Zhang et al. 2019, arXiv:1912.08777): pre-norm, sinusoids, a norm at the end.
enum Pegasus: Family {
  static let modelTypes = ["pegasus"]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try .fairseq(
      config, modelType: modelType,
      FairseqChoices(
        placement: .pre, activation: "gelu", scalesEmbedding: false,
        positions: { .sinusoidal(count: $0, offset: 0, endsAtLongest: false) },
        embeddingNorm: false, finalNorm: true, logitsBias: true))
  }
}
