import AttendBase
import AttendCheckpoints
import AttendLayers
import AttendModels
import AttendSounds

/// The decoder of segments of a model with CTC: greedy, or by a search with a language model and hot words; of a
/// transducer its vocabulary, clock and options. One thread at a time.
final class CTCDecoder {
  let vocabulary: CTCVocabulary
  let options: CTCOptions
  let clock: CTCTranscript.Clock
  private let language: NGramModel?
  private let cancellation: Cancellation

  /// What was written of a segment; the mean over its frames of the logarithm of the text's probability, NaN without a
  /// search.
  struct Result {
    let transcript: CTCTranscript
    let meanLogProbability: Double
  }

  init(_ session: Session, _ options: CTCOptions, clock: CTCTranscript.Clock) throws(Failure) {
    (self.options, self.clock, cancellation) = (options, clock, session.cancellation)
    let folder = try HuggingFaceFolder(session.model.checkpoint.place)
    vocabulary = try CTCDecoder.vocabulary(of: session.model, folder)
    language = try options.languagePath.map { (path) throws(Failure) in try session.languageModel(at: path) }
    guard vocabulary.delimiter != nil || language == nil && options.search?.hotWords.isEmpty ?? true else {
      throw Failure(
        .unsupported, "a language model or hot words need a delimiter of words; \(folder.path)/vocab.json has none")
    }
  }

  /// The symbols of vocab.json, or the pieces of tokenizer.json where there is none.
  private static func vocabulary(of model: Model, _ folder: HuggingFaceFolder) throws(Failure) -> CTCVocabulary {
    let transducer = model.blueprint.transducer?.value
    let outputs = transducer?.tokens ?? model.head?.outputs ?? 0
    guard transducer != nil || !folder.holds("vocab.json") && folder.holds("tokenizer.json") else {
      return try CTCVocabulary(folder, outputs: outputs)
    }
    guard let pieces = try folder.json("tokenizer.json") else {
      throw Failure(.notFound, "\(folder.path(of: "tokenizer.json")) does not exist")
    }
    let config = model.configText
    let json = try JSON.parse(config.bytes, file: config.path, owner: config)
    return try CTCVocabulary(
      pieces: pieces, blank: transducer?.blank ?? json["pad_token_id"]?.int ?? outputs - 1,
      outputs: outputs)
  }

  /// The frames of so many seconds, at least one.
  func frames(_ seconds: Double) -> Int {
    max(Int((seconds * Double(clock.rate) / Double(max(clock.samplesPerFrame, 1))).rounded(.up)), 1)
  }

  /// The text of logits, `[count, vocabulary]`.
  func decode(_ rows: UnsafePointer<Float>, _ count: Int) throws(Failure) -> Result {
    let logits = CTCLogits(rows, frames: count, vocabulary: vocabulary.count)
    guard let search = options.search else {
      let transcript = try logits.greedy(
        vocabulary, skipsSpecials: options.skipsSpecials, cancellation: cancellation)
      return Result(transcript: transcript, meanLogProbability: .nan)
    }
    let found = try logits.search(
      vocabulary, search, language: language, skipsSpecials: options.skipsSpecials, cancellation: cancellation)
    return Result(transcript: found[0].transcript, meanLogProbability: found[0].logProbability / Double(count))
  }
}

extension Session {
  /// The language model in the file at `path`. The last one stays with the session, so that the next call finds it.
  func languageModel(at path: String) throws(Failure) -> NGramModel {
    if let known = languageModel, known.path == path { return known.model }
    let model = try NGramModel(path)
    languageModel = (path, model)
    return model
  }
}
