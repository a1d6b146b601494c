import AttendBase
import AttendCheckpoints

/// Marian (Junczys-Dowmunt et al. 2018, arXiv:1804.00344), the translation models of OPUS-MT: the Transformer of 2017
/// with its sinusoids.
enum Marian: Family {
  static let modelTypes = ["marian"]
  static let capabilities = Capabilities.encoderDecoder
  static let keyAliases = FairseqChoices.keyAliases
  static let headNames = ["MarianMTModel": HeadTask.conditionalGeneration]

  static func blueprint(_ config: Configuration, modelType: String) throws(Failure) -> Blueprint {
    try .fairseq(
      config, modelType: modelType,
      FairseqChoices(
        isPreNorm: false, activation: "gelu", scalesEmbedding: false,
        positions: { .sinusoidal(name: $0, count: $1, offset: 0, endsAtLongest: false) }, embeddingNorm: false,
        finalNorm: false, logitsBias: true), task: try headTask(config))
  }
}
