import AttendBase
import AttendCheckpoints

/// What an encoder's checkpoint was made for, as the end of its `architectures` entry says.
package enum EncoderTask: String, CaseIterable, Sendable {
  case maskedLanguageModel = "ForMaskedLM"
  /// Masked words too, but in ELECTRA: which words were replaced.
  case preTraining = "ForPreTraining"
  case sequenceClassification = "ForSequenceClassification"
  case tokenClassification = "ForTokenClassification"
  case questionAnswering = "ForQuestionAnswering"

  /// What the head tells.
  package var title: String {
    switch self {
    case .maskedLanguageModel: "masked words"
    case .preTraining: "pre-training"
    case .sequenceClassification: "classes of sequences"
    case .tokenClassification: "classes of tokens"
    case .questionAnswering: "answers to questions"
    }
  }

  /// nil: an encoder without a head.
  init?(_ config: Configuration) throws(Failure) {
    let architecture = try config.optionalStrings("architectures")?.first ?? ""
    guard let task = EncoderTask.allCases.first(where: { architecture.hasSuffix($0.rawValue) }) else {
      guard architecture.isEmpty || architecture.hasSuffix("Model") || architecture.hasSuffix("Encoder") else {
        throw Failure(.unsupported, "\(config.path): the head of \(architecture) is not implemented")
      }
      return nil
    }
    self = task
  }
}
