import AttendBase
import AttendCheckpoints
import AttendSounds

/// How to transcribe with a model with CTC or a transducer, of one call. The names are those of transformers'
/// pipelines and of pyctcdecode, where they have the option.
struct CTCOptions {
  let windows: WindowLengths
  /// return_timestamps "word" or "char": whether words, and characters too, are told with their times.
  let wordTimes: Bool
  let characterTimes: Bool
  /// nil: greedy search.
  let search: CTCSearchOptions?
  /// The path of a file in the ARPA format; nil: there is no language model.
  let languagePath: String?
  /// skip_special_tokens: whether tokens of control are left out.
  let skipsSpecials: Bool
  /// pause_s: seconds without a symbol after which a segment ends.
  let pause: Double
  /// segment_length_s: seconds of a segment at most.
  let longest: Double

  /// The options of `call`, an object whose keys are options by name; nil: none. `isLive`: for what is heard while it
  /// is said, with shorter windows. `searches`: for CTC, where a transducer knows no search but the greedy one.
  ///
  /// Throws `invalidArgument` for an option that there is none of, or that has no such value.
  init(_ call: Configuration?, isLive: Bool = false, searches: Bool = true) throws(Failure) {
    do throws(Failure) {
      windows = try WindowLengths(call, length: isLive ? 6 : 30, overlaps: true)
      try CTCOptions.checkTask(call)
      (wordTimes, characterTimes) = try CTCOptions.times(call)
      languagePath = searches ? try call?.optionalString("language_model") : nil
      search = searches ? try CTCOptions.search(call, hasLanguage: languagePath != nil) : nil
      skipsSpecials = try call?.optionalBoolean("skip_special_tokens") ?? (search != nil || !searches)
      pause = try CTCOptions.seconds(call, "pause_s", default: 0.5)
      longest = try CTCOptions.seconds(call, "segment_length_s", default: 30)
      if let unknown = call?.unread.first {
        let model = searches ? "model with CTC" : "transducer"
        throw Failure(.invalidArgument, "\(unknown) is no option of a transcription by a \(model)")
      }
    } catch { throw Failure(error.code == .invalidFile ? .invalidArgument : error.code, error.message) }
  }

  /// A segment is decoded whole; longer ones are no segments.
  private static let longestSegment = 600.0

  private static func seconds(
    _ call: Configuration?, _ key: String, default standard: Double
  ) throws(Failure) -> Double {
    let seconds = try call?.optionalNumber(key) ?? standard
    guard seconds > 0, seconds <= longestSegment else {
      throw Failure(.invalidArgument, "\(key) is \(seconds), expected up to \(longestSegment) and more than 0")
    }
    return seconds
  }

  /// Throws `invalidArgument` for a task that is not the one of such a model.
  static func checkTask(_ call: Configuration?) throws(Failure) {
    guard let task = try call?.optionalString("task"), task != "transcribe" else { return }
    throw Failure(.invalidArgument, "task is \"\(task)\", and this model can \"transcribe\" alone")
  }

  private static func times(_ call: Configuration?) throws(Failure) -> (words: Bool, characters: Bool) {
    call?.understand("return_timestamps")
    guard let json = call?.json["return_timestamps"], !json.isNull, json.bool == nil else { return (false, false) }
    if json.equals("word") { return (true, false) }
    guard json.equals("char") else {
      throw Failure(
        .invalidArgument, "return_timestamps is \(json.excerpt), expected true, false, \"word\" or \"char\"")
    }
    return (true, true)
  }

  /// The options of a search, where there is more to search with than the most probable symbols.
  private static func search(_ call: Configuration?, hasLanguage: Bool) throws(Failure) -> CTCSearchOptions? {
    guard let call else { return nil }
    var options = CTCSearchOptions()
    let width = try call.optionalInteger("beam_width")
    let words = try call.optional(["hotwords"], "a list of words") { Configuration.list($0, \.string) } ?? []
    options.beamWidth = width ?? options.beamWidth
    options.hotWords = words
    options.hotWordWeight = try call.number("hotword_weight", default: options.hotWordWeight)
    options.alpha = try call.number("alpha", default: options.alpha)
    options.beta = try call.number("beta", default: options.beta)
    options.unknownScoreOffset = try call.number("unk_score_offset", default: options.unknownScoreOffset)
    options.scoresBoundaries = try call.boolean("lm_score_boundary", default: options.scoresBoundaries)
    options.tokenMinLogProbability = try call.number("token_min_logp", default: options.tokenMinLogProbability)
    options.beamPruneLogProbability = try call.number("beam_prune_logp", default: options.beamPruneLogProbability)
    try options.check()
    return width != nil || hasLanguage || !words.isEmpty ? options : nil
  }
}
