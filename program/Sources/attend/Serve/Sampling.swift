/// How the answers to a request are generated, in the names of the library.
struct Sampling: Sendable {
  private(set) var options: [Field] = []
  /// Texts that end an answer, and are not in it.
  private(set) var stops: [String] = []
  /// The answers to each prompt.
  private(set) var count = 1
  /// How many alternatives of each token are told; nil: log-probabilities are not asked for.
  private(set) var alternatives: Int?
  private(set) var streams = false
  private(set) var tellsUsage = false
  /// The tokens of an answer, where the request says how many.
  private(set) var most: Int?

  init(_ fields: inout RequestFields, _ host: Host, _ limits: Limits) throws(APIError) {
    count = try fields.integer("n", 1...min(128, host.rows)) ?? 1
    try readLengths(&fields, limits)
    try readDraws(&fields, host)
    try readPenalties(&fields)
    try readStops(&fields)
    try readForm(&fields)
    try readStreaming(&fields)
    fields.ignore("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "verbosity")
  }

  /// Log-probabilities, of which so many alternatives are told.
  mutating func tell(alternatives: Int) {
    self.alternatives = alternatives
    options.append(Field("output_scores", .bool(true)))
    if alternatives > 0 { options.append(Field("top_logprobs", .integer(alternatives))) }
  }

  /// The most tokens of an answer, where the request says nothing; nil: as the checkpoint says.
  mutating func limit(to tokens: Int?) {
    guard let tokens = most ?? tokens else { return }
    options.append(Field("max_new_tokens", .integer(tokens)))
  }

  mutating func add(_ name: String, _ value: Value) { options.append(Field(name, value)) }

  private mutating func readLengths(_ fields: inout RequestFields, _ limits: Limits) throws(APIError) {
    let range = 1...limits.maxTokens
    let (old, new) = (
      try fields.integer("max_tokens", range), try fields.integer("max_completion_tokens", range)
    )
    if let old, let new, old != new {
      throw .invalid("max_tokens and max_completion_tokens are not the same.", "max_tokens", code: "invalid_value")
    }
    most = new ?? old
    if let least = try fields.integer("min_tokens", 0...limits.maxTokens) { add("min_new_tokens", .integer(least)) }
  }

  /// Whether tokens are drawn, and from which. Without a word of it the checkpoint's own settings count; at temperature
  /// 0 the most probable token is taken, whatever else is said.
  private mutating func readDraws(_ fields: inout RequestFields, _ host: Host) throws(APIError) {
    let temperature = try fields.number("temperature", 0...2)
    var draws: [Field] = []
    for (name, range) in [("top_p", 0.0...1.0), ("min_p", 0...1), ("typical_p", 0...1)] {
      if let share = try fields.number(name, range) { draws.append(Field(name, .number(share))) }
    }
    if let most = try fields.integer("top_k", -1...Int(Int32.max)) {
      draws.append(Field("top_k", .integer(max(0, most))))
    }
    let seed = try fields.integer("seed", 0...Int.max)
    let isGreedy = temperature == 0 || temperature == nil && draws.isEmpty && !host.samples
    if isGreedy {
      add("do_sample", .bool(count > 1))
      if count > 1 { add("temperature", .integer(0)) }  // As many equal answers.
      return
    }
    if temperature != nil || !draws.isEmpty { add("do_sample", .bool(true)) }
    if let temperature { add("temperature", .number(temperature)) }
    options += draws
    if let seed = seed ?? host.newSeed() { add("seed", .integer(seed)) }
  }

  private mutating func readPenalties(_ fields: inout RequestFields) throws(APIError) {
    for name in ["frequency_penalty", "presence_penalty"] {
      if let penalty = try fields.number(name, -2...2), penalty != 0 { add(name, .number(penalty)) }
    }
    if let penalty = try fields.number("repetition_penalty", 0.01...100) { add("repetition_penalty", .number(penalty)) }
    guard let biases = fields.take("logit_bias") else { return }
    guard case .object(let members) = biases else {
      throw RequestFields.wrong("logit_bias", "an object of tokens and numbers", biases)
    }
    var list: [Value] = []
    for member in members {
      guard let token = Int32(member.name), let bias = member.value.realNumber, abs(bias) <= 100 else {
        throw .invalid(
          "logit_bias has \(Value.string(member.name).json): \(member.value.json); it takes ids of tokens, and numbers "
            + "from -100 to 100.", "logit_bias", code: "invalid_value")
      }
      list.append(.list([.integer(Int(token)), .number(bias)]))
    }
    if !list.isEmpty { add("logit_bias", .list(list)) }
  }

  private mutating func readStops(_ fields: inout RequestFields) throws(APIError) {
    guard let value = fields.take("stop") else { return }
    guard let stops = value.strings else { throw RequestFields.wrong("stop", "a string or a list of strings", value) }
    guard stops.count <= 16, !stops.contains("") else {
      throw .invalid("stop has \(stops.count) strings; it takes 16, none of them empty.", "stop", code: "invalid_value")
    }
    self.stops = stops
  }

  /// What the answer has to match.
  private mutating func readForm(_ fields: inout RequestFields) throws(APIError) {
    for name in ["regex", "grammar"] {
      if let text = try fields.string(name) { add(name, .string(text)) }
    }
    guard let form = fields.take("response_format") else { return }
    switch form["type"]?.text {
    case "text": break
    case "json_object": add("json_schema", .object([Field("type", .string("object"))]))
    case "json_schema":
      guard let schema = form["json_schema"]?["schema"] else {
        throw .invalid("response_format has no json_schema.schema.", "response_format", code: "missing_parameter")
      }
      add("json_schema", schema)
    default:
      throw .invalid(
        "response_format.type is \(form["type"]?.json ?? "missing"); it is text, json_object or json_schema.",
        "response_format", code: "invalid_value")
    }
  }

  private mutating func readStreaming(_ fields: inout RequestFields) throws(APIError) {
    streams = try fields.bool("stream") ?? false
    guard let options = fields.take("stream_options") else { return }
    guard streams else { throw .invalid("stream_options is for stream: true.", "stream_options") }
    guard case .object(let members) = options else {
      throw RequestFields.wrong("stream_options", "an object", options)
    }
    for member in members {
      switch (member.name, member.value) {
      case ("include_usage", .bool(let answer)): tellsUsage = answer
      case ("include_obfuscation", .bool(false)): break
      default:
        throw .invalid(
          "stream_options.\(member.name) \(member.value.json) is not supported.", "stream_options",
          code: "unsupported_parameter")
      }
    }
  }
}

/// Gives out a text as far as no stop string can begin in it, and ends it in front of the first that is complete.
struct StopCutter {
  private let stops: [[UInt8]]
  private var held: [UInt8] = []
  private(set) var isStopped = false

  init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) } }

  /// The text that is certain with a further piece.
  mutating func feed(_ piece: String) -> String {
    guard !isStopped else { return "" }
    guard !stops.isEmpty else { return piece }
    held += piece.utf8
    if let place = held.indices.first(where: { place in stops.contains { matches($0, at: place) } }) {
      isStopped = true
      return String(decoding: held[..<place], as: UTF8.self)
    }
    let safe = held.indices.first { place in stops.contains { $0.starts(with: held[place...]) } } ?? held.endIndex
    defer { held.removeFirst(safe) }
    return String(decoding: held[..<safe], as: UTF8.self)
  }

  /// What was held back: the text has ended.
  mutating func finish() -> String {
    defer { held = [] }
    return isStopped ? "" : String(decoding: held, as: UTF8.self)
  }

  private func matches(_ stop: [UInt8], at place: Int) -> Bool { held[place...].starts(with: stop) }
}
