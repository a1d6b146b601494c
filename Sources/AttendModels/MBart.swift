import AttendBase
import AttendCheckpoints
import AttendLayers

/// mBART (Liu et al. 2020, arXiv:2001.08210) and mBART-50: BART with its norms before the sub-layers and one more at the end.
enum MBart: Family {
  static let modelTypes = ["mbart"]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try .fairseq(
      config, modelType: modelType,
      FairseqChoices(
        placement: .pre, activation: "gelu", scalesEmbedding: false,
        positions: { .learned(count: $0, offset: 2) },
        embeddingNorm: true, finalNorm: true, logitsBias: true))
  }
}
