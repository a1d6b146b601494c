import AttendBase
import AttendCheckpoints

/// Options of a generation by name: those of a call, and behind them those of the checkpoint's generation_config.json,
/// or config.json where older checkpoints have them.
///
/// The names are those of transformers' GenerationConfig, where it has the option,
/// https://huggingface.co/docs/transformers/main_classes/text_generation
struct OptionReader {
  /// Of the call; nil: none are given.
  let call: Configuration?
  /// Of the task that the call is about; nil: it says nothing.
  private let task: Configuration?
  private let places: [Configuration]

  init(call: Configuration?, task: Configuration? = nil, checkpoint: Configuration?) {
    (self.call, self.task) = (call, task)
    places = [call, task, checkpoint].compactMap { $0 }
  }

  /// The first place that has a key. All know it. A null in the call takes back what the checkpoint says.
  private func place(of key: String) -> Configuration? {
    for place in places { place.understand(key) }
    if call?.json[key]?.isNull == true { return nil }
    return places.first { $0.holds(key) }
  }

  /// Whether the call itself has a key.
  func isAsked(_ key: String) -> Bool { call?.holds(key) ?? false }

  /// Whether the call or its task has a key.
  func isStated(_ key: String) -> Bool { isAsked(key) || task?.holds(key) ?? false }

  func integer(_ key: String) throws(Failure) -> Int? { try place(of: key)?.optionalInteger(key) }
  /// A whole number that may be negative, as -1 for "all".
  func whole(_ key: String) throws(Failure) -> Int? {
    try place(of: key)?.optional([key], "a whole number") { json in
      json.int.flatMap { abs($0) <= Configuration.maximalInteger ? $0 : nil }
    }
  }
  /// A whole number of 64 bits.
  func unsigned(_ key: String) throws(Failure) -> UInt64? {
    try place(of: key)?.optional([key], "an integer from 0 to \(UInt64.max)") { $0.unsigned.map { UInt64($0) } }
  }
  func number(_ key: String) throws(Failure) -> Double? { try place(of: key)?.optionalNumber(key) }
  func boolean(_ key: String) throws(Failure) -> Bool? { try place(of: key)?.optionalBoolean(key) }
  func string(_ key: String) throws(Failure) -> String? { try place(of: key)?.optionalString(key) }
  func strings(_ key: String) throws(Failure) -> [String]? {
    try place(of: key)?.optional([key], "a string or a list of strings") { json in
      json.string.map { [$0] } ?? Configuration.list(json, \.string)
    }
  }
  func json(_ key: String) -> JSON? { place(of: key)?.json[key] }

  /// A token, or a list of them; nil for an empty list. Ids below 0, which some checkpoints write, stand for none.
  func tokens(_ key: String) throws(Failure) -> FixedArray<Int32>? {
    guard let place = place(of: key) else { return nil }
    let list = try place.optional([key], "a token or a list of tokens") { json in
      OptionReader.token(json).map { [$0] } ?? Configuration.list(json, OptionReader.token)
    }
    if place === call, let wrong = list?.first(where: { $0 < -1 }) {
      throw Failure(.invalidArgument, "\(key) has the token \(wrong); tokens are 0 and above")
    }
    guard let list = list?.filter({ $0 >= 0 }), !list.isEmpty else { return nil }
    return try OptionReader.fixed(list)
  }

  /// The first of a list of tokens.
  func token(_ key: String) throws(Failure) -> Int32? { try tokens(key).map { $0[0] } }

  /// Lists of tokens.
  func sequences(_ key: String) throws(Failure) -> [[Int32]]? {
    try place(of: key)?.optional([key], "a list of lists of tokens") { json in
      Configuration.list(json) { Configuration.list($0, OptionReader.token) }
    }
  }

  /// [[tokens, number], ...]
  func biases(_ key: String) throws(Failure) -> FixedArray<SequenceBiasEntry>? {
    guard let place = place(of: key) else { return nil }
    let entries = try place.optional([key], "a list of pairs of tokens and a number") { json in
      Configuration.list(json) { pair -> SequenceBiasEntry? in
        guard pair.kind == .array, pair.count == 2, let ids = pair[0], let bias = pair[1]?.double,
          let tokens = OptionReader.token(ids).map({ [$0] }) ?? Configuration.list(ids, OptionReader.token)
        else { return nil }
        return SequenceBiasEntry(tokens: tokens, bias: Float(bias))
      }
    }
    guard let entries else { return nil }
    return try FixedArray(entries.count, for: "an option") { entries[$0] }
  }

  struct SequenceBiasEntry {
    let tokens: [Int32]
    let bias: Float
  }

  static func fixed<Element>(_ list: [Element]) throws(Failure) -> FixedArray<Element> {
    try FixedArray(list.count, for: "an option") { list[$0] }
  }

  private static func token(_ json: JSON) -> Int32? { json.int.flatMap { Int32(exactly: $0) } }
}
