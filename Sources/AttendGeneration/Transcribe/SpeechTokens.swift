import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendLayers
import AttendModels

/// The tokens by which a Whisper is told what to write, as generation_config.json of its checkpoint names them.
struct SpeechTokens: Sendable {
  /// decoder_start_token_id, where a text begins.
  let start: Int32
  /// eos_token_id; ids below are text.
  let end: Int32
  /// lang_to_id: "<|en|>" and its like with their tokens; empty: the model knows one language and names none.
  let languages: [(name: String, token: Int32)]
  /// task_to_id; nil: the model has one task and names none.
  let transcribe: Int32?
  let translate: Int32?
  /// no_timestamps_token_id, behind which the timestamps are; nil: the model writes none.
  let noTimestamps: Int32?
  /// The token that stands for the probability that nobody speaks.
  var noSpeech: Int32? { noTimestamps.map { $0 - 1 } }
  /// prev_sot_token_id, behind which a text is that was said before.
  let previousText: Int32?
  /// forced_decoder_ids, of older checkpoints: what follows on the start token, nil where it is left open.
  let forced: [Int32?]
  /// is_multilingual
  let isMultilingual: Bool
  /// alignment_heads: the heads of the decoder whose cross-attention follows the sound, [layer, head].
  let alignmentHeads: [(layer: Int, head: Int)]

  /// The token of 0.00 s.
  var firstTimestamp: Int32? { noTimestamps.map { $0 + 1 } }

  /// Throws `invalidFile` for what is no such token, `unsupported` where the checkpoint names no start or no end.
  init(_ reader: OptionReader, _ model: Model) throws(Failure) {
    guard let start = try reader.token("decoder_start_token_id") ?? model.generation.decoderStart.map({ Int32($0) }),
      let end = try reader.token("eos_token_id") ?? model.generation.end.first.map({ Int32($0) })
    else {
      throw Failure(
        .unsupported, "the checkpoint names no decoder_start_token_id or no eos_token_id, which transcription needs")
    }
    (self.start, self.end) = (start, end)
    languages = try SpeechTokens.table(reader.json("lang_to_id"), "lang_to_id")
    let tasks = try SpeechTokens.table(reader.json("task_to_id"), "task_to_id")
    transcribe = tasks.first { $0.name == "transcribe" }?.token
    translate = tasks.first { $0.name == "translate" }?.token
    noTimestamps = try reader.token("no_timestamps_token_id")
    isMultilingual = try reader.boolean("is_multilingual") ?? true
    forced = try SpeechTokens.forced(reader.json("forced_decoder_ids"))
    alignmentHeads = try SpeechTokens.heads(reader.json("alignment_heads"))
    // Where it is not named, it is the last but one of those that are never written.
    let suppressed = try reader.tokens("suppress_tokens")
    previousText =
      try reader.token("prev_sot_token_id") ?? suppressed.flatMap { $0.count >= 2 ? $0[$0.count - 2] : nil }
    try check(vocabulary: model.head?.outputs ?? 0)
  }

  private func check(vocabulary: Int) throws(Failure) {
    let tokens = TokenCheck(vocabulary: vocabulary)
    try tokens.check(start, "decoder_start_token_id")
    try tokens.check(end, "eos_token_id")
    try tokens.check(previousText, "prev_sot_token_id")
    try tokens.check(transcribe, "task_to_id")
    try tokens.check(translate, "task_to_id")
    try tokens.check(noTimestamps, "no_timestamps_token_id")
    if noTimestamps == 0 { throw Failure(.invalidFile, "no_timestamps_token_id is 0; it is behind the text") }
    for (place, language) in languages.enumerated() { try tokens.check(language.token, "lang_to_id", place) }
    for (place, token) in forced.enumerated() { try tokens.check(token, "forced_decoder_ids", place) }
  }

  /// An object of tokens by name.
  private static func table(_ json: JSON?, _ name: String) throws(Failure) -> [(name: String, token: Int32)] {
    guard let json, !json.isNull else { return [] }
    guard json.kind == .object else { throw json.invalid("\(name) is \(json.excerpt), expected an object of tokens") }
    var entries: [(name: String, token: Int32)] = []
    for (key, value) in json.members {
      guard let token = value.int.flatMap({ Int32(exactly: $0) }) else {
        throw value.invalid("\(name) has \(value.excerpt) where a token is expected")
      }
      entries.append((key.string ?? "", token))
    }
    return entries
  }

  /// [[1, null], [2, 50359], ...]: places in their order, from 1 on.
  private static func forced(_ json: JSON?) throws(Failure) -> [Int32?] {
    guard let json, !json.isNull else { return [] }
    var tokens: [Int32?] = []
    for entry in json.elements {
      guard entry.kind == .array, entry.count == 2, entry[0]?.int == tokens.count + 1, let token = entry[1],
        token.isNull || token.int.flatMap({ Int32(exactly: $0) }) != nil
      else {
        throw entry.invalid("forced_decoder_ids has \(entry.excerpt), expected [\(tokens.count + 1), a token or null]")
      }
      tokens.append(token.int.flatMap { Int32(exactly: $0) })
    }
    return tokens
  }

  private static func heads(_ json: JSON?) throws(Failure) -> [(layer: Int, head: Int)] {
    guard let json, !json.isNull else { return [] }
    let heads = Configuration.list(json) { pair -> (layer: Int, head: Int)? in
      guard pair.kind == .array, pair.count == 2, let layer = pair[0]?.int, let head = pair[1]?.int else { return nil }
      return (layer, head)
    }
    guard let heads else { throw json.invalid("alignment_heads is \(json.excerpt), expected pairs [layer, head]") }
    return heads
  }
}

extension SpeechTokens {
  /// The token of a language: of its code, its English name, or the token as it is spelled.
  func language(_ text: String) throws(Failure) -> Int32 {
    let asked = text.lowercased()
    let names = [asked, "<|\(asked)|>"] + (SpokenLanguages.code(of: asked).map { ["<|\($0)|>"] } ?? [])
    for name in names { if let found = languages.first(where: { $0.name == name }) { return found.token } }
    guard !languages.isEmpty else {
      throw Failure(.invalidArgument, "language is \(text), and the checkpoint has no lang_to_id")
    }
    let known = languages.map { SpeechTokens.code($0.name) }.sorted().joined(separator: ", ")
    throw Failure(.invalidArgument, "language is \(text); this model knows \(known)")
  }

  /// The code of a language's token; nil: it is none.
  func code(of token: Int32) -> String? {
    languages.first { $0.token == token }.map { SpeechTokens.code($0.name) }
  }

  /// "en" of "<|en|>".
  private static func code(_ name: String) -> String {
    name.hasPrefix("<|") && name.hasSuffix("|>") && name.utf8.count > 4 ? String(name.dropFirst(2).dropLast(2)) : name
  }

  /// The tokens before the text. `language` nil: it is none of the caller's, and of what the checkpoint says in
  /// `forced` nothing is left out; `task` nil: the caller has named none.
  func prefix(language: Int32?, isGiven: Bool, task: SpeechTask?, timestamps: Bool) throws(Failure) -> [Int32] {
    var tokens: [Int32?] = [start] + (isGiven || task != nil ? [] : forced)
    if let language {
      if tokens.count > 1 { tokens[1] = language } else { tokens.append(language) }
    }
    if let task {
      guard let token = task == .translate ? translate : transcribe else {
        throw Failure(.invalidArgument, "task is \(task.rawValue), and the checkpoint has no such task in task_to_id")
      }
      tokens.append(token)
    } else if isGiven, let transcribe, !tokens.contains(transcribe), !tokens.contains(translate) {
      tokens.append(transcribe)
    }
    if let noTimestamps {
      let isLast = tokens[tokens.count - 1] == noTimestamps
      if !timestamps, !isLast { tokens.append(noTimestamps) }
      if timestamps, isLast { tokens.removeLast() }
    }
    return tokens.compactMap { $0 }
  }

  /// Whether the language is to be detected where the caller names none.
  func detects(task: SpeechTask?) -> Bool {
    guard !languages.isEmpty else { return false }
    return task != nil || forced.isEmpty || forced[0] == nil
  }
}

/// What is to be written.
package enum SpeechTask: String, Sendable, CaseIterable {
  /// What is said, in its language.
  case transcribe
  /// The same in English.
  case translate
}
