import AttendBase
import AttendCheckpoints

/// The head that a checkpoint was saved with, as the end of its `architectures` entry says.
package enum HeadTask: String, CaseIterable, Sendable {
  /// Logits of the next token, of a decoder alone.
  case nextToken = "ForCausalLM"
  /// The same of an encoder-decoder.
  case conditionalGeneration = "ForConditionalGeneration"
  case maskedLanguageModel = "ForMaskedLM"
  /// Masked words too, but in ELECTRA: which words were replaced.
  case preTraining = "ForPreTraining"
  case sequenceClassification = "ForSequenceClassification"
  case tokenClassification = "ForTokenClassification"
  case questionAnswering = "ForQuestionAnswering"
  case imageClassification = "ForImageClassification"
  case audioClassification = "ForAudioClassification"
  /// Connectionist temporal classification (Graves et al. 2006): a symbol or a blank for every frame.
  case ctc = "ForCTC"
  /// A transducer, with durations or without (Xu et al. 2023): the text of the frames of a sound.
  case transducer = "ForTDT"

  /// The heads of encoders.
  package static let ofEncoders: [HeadTask] = [
    .maskedLanguageModel, .preTraining, .sequenceClassification, .tokenClassification, .questionAnswering,
  ]

  /// The head's title in the table of families.
  package var title: String {
    switch self {
    case .nextToken, .conditionalGeneration: "next token"
    case .maskedLanguageModel: "masked words"
    case .preTraining: "pre-training"
    case .sequenceClassification: "classes of sequences"
    case .tokenClassification: "classes of tokens"
    case .questionAnswering: "answers to questions"
    case .imageClassification: "classes of pictures"
    case .audioClassification: "classes of sounds"
    case .ctc: "symbols of frames"
    case .transducer: "text of frames"
    }
  }

  /// The ends of names in `architectures`, those of earlier years among them.
  fileprivate var endings: [String] {
    switch self {
    case .nextToken: [rawValue, "LMHeadModel"]
    case .conditionalGeneration: [rawValue, "LMHeadModel"]
    case .imageClassification: [rawValue, "ForImageClassificationWithTeacher"]
    case .transducer: [rawValue, "ForRNNT"]
    default: [rawValue]
    }
  }
}

extension Configuration {
  /// The one of these heads that the first of `architectures` names; nil: none, the bare layers; where it names
  /// nothing, `standard`. `names` are those whose ends do not tell. Throws `unsupported`, naming it, for any other.
  func headTask(
    _ known: [HeadTask], names: [String: HeadTask] = [:], default standard: HeadTask? = nil
  ) throws(Failure) -> HeadTask? {
    guard let architecture = try optionalStrings("architectures")?.first else { return standard }
    if let task = names[architecture] { return task }
    if let task = known.first(where: { $0.endings.contains { architecture.hasSuffix($0) } }) { return task }
    let isBare = ["Model", "Encoder"].contains { architecture.hasSuffix($0) }
    guard isBare, !architecture.hasSuffix("HeadModel"), !architecture.hasSuffix("HeadsModel") else {
      throw Failure(.unsupported, "\(path): the head of \(architecture) is not implemented for this model_type")
    }
    return nil
  }

  /// Whether `architectures` names a head by this title of today.
  func saves(_ task: HeadTask) -> Bool {
    (try? optionalStrings("architectures"))??.first?.hasSuffix(task.rawValue) ?? false
  }

  /// The number of classes that a head tells apart.
  func labels() throws(Failure) -> Int {
    if let names = try child("id2label") { return max(names.json.count, 1) }
    return try size("num_labels", default: 2)
  }

  /// The key's value, an id of a vocabulary of this size.
  func token(_ key: String, default standard: Int? = nil, vocabulary: Int) throws(Failure) -> Int32 {
    let token = try integer(key, default: standard)
    guard (0..<vocabulary).contains(token) else {
      throw invalid(key, "is \(token), and the vocabulary has \(vocabulary) ids")
    }
    return Int32(token)
  }

  /// The id of padding: null and what is no id stand for none, and a key that is missing for the default of the family.
  func padding(default standard: Int?) -> Int? {
    understand("pad_token_id")
    guard let value = json["pad_token_id"] else { return standard }
    return value.int.flatMap { (0...Configuration.maximalInteger).contains($0) ? $0 : nil }
  }
}
