import ArgumentParser
import CAttend

/// How texts are generated; what is not said here is as the checkpoint says.
struct GenerationOptions: ParsableArguments {
  @Option(help: "The most tokens that are written.") var maxNewTokens: Int?
  @Option(help: "The width of beam search.") var numBeams: Int?
  @Flag(help: "Draw tokens at random, rather than take the most probable ones.") var sample = false
  @Option(help: "The divisor of the logits, with --sample.") var temperature: Double?
  @Option(help: "Draw from the most probable tokens that hold this share, with --sample.") var topP: Double?
  @Option(help: "The seed of the random numbers.") var seed: Int?
  @Option(help: "A string that ends the text. May be repeated.") var stop: [String] = []
  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Any other option of docs/generation.md, its value as JSON. May be repeated.", valueName: "name=value"))
  var settings: [String] = []

  func validate() throws {
    for setting in settings where !setting.contains("=") {
      throw ValidationError("--set takes NAME=VALUE, not \"\(setting)\".")
    }
  }

  /// The options as an object of JSON, in the order of their strength.
  var fields: [Field] {
    var fields: [Field] = []
    if let maxNewTokens { fields.append(Field("max_new_tokens", .integer(maxNewTokens))) }
    if let numBeams { fields.append(Field("num_beams", .integer(numBeams))) }
    if sample || temperature != nil || topP != nil { fields.append(Field("do_sample", .bool(true))) }
    if let temperature { fields.append(Field("temperature", .number(temperature))) }
    if let topP { fields.append(Field("top_p", .number(topP))) }
    if let seed { fields.append(Field("seed", .integer(seed))) }
    if !stop.isEmpty { fields.append(Field("stop_strings", .list(stop.map { .string($0) }))) }
    return fields + namedValues(settings)
  }
}

/// NAME=VALUE, taken apart; of a name that comes twice the last value counts.
func namedValues(_ settings: [String]) -> [Field] {
  var fields: [Field] = []
  for setting in settings {
    let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    fields.removeAll { $0.name == parts[0] }
    fields.append(Field(String(parts[0]), Value(argument: parts.count > 1 ? String(parts[1]) : "")))
  }
  return fields
}

/// What was generated: for each request its sequences, the best first.
struct Generated {
  var text: String
  var score: Double
  var tokens: Int
  var ids: [Int32]
  var finish: String

  /// Reads a handle of the library's, which is freed.
  static func take(_ handle: OpaquePointer?) throws -> [[Generated]] {
    guard let handle else { return [] }
    defer { attend_generation_free(handle) }
    return try (0..<attend_generation_count(handle)).map { request in
      try (0..<attend_generation_hypothesis_count(handle, request)).map { index in
        var found = attend_hypothesis.initial
        try attempt(attend_generation_get_hypothesis(handle, request, index, &found))
        return Generated(
          text: utf8(found.text, found.text_length), score: found.score, tokens: found.count - found.prompt_count,
          ids: Array(UnsafeBufferPointer(start: found.ids, count: found.count)), finish: reason(found.finish_reason))
      }
    }
  }

  private static func reason(_ reason: attend_finish_reason) -> String {
    switch reason {
    case ATTEND_FINISH_END: "end"
    case ATTEND_FINISH_LENGTH: "length"
    case ATTEND_FINISH_STOP: "stop"
    case ATTEND_FINISH_GRAMMAR: "grammar"
    case ATTEND_FINISH_TIME: "time"
    case ATTEND_FINISH_CANCELLED: "cancelled"
    default: "\(reason.rawValue)"
    }
  }

  /// The row of a text and what was made of it; with several sequences all of them.
  static func row(_ source: String, _ name: String, _ found: [Generated]) -> Row {
    var fields = [Field("text", .string(source)), Field(name, .string(found.first?.text ?? ""))]
    if let score = found.first?.score, score.isFinite { fields.append(Field("score", .number(score))) }
    if found.count > 1 {
      let all = found.map { Value.object([Field(name, .string($0.text)), Field("score", .number($0.score))]) }
      fields.append(Field("alternatives", .list(all)))
    }
    return Row(fields: fields, text: found.map { line($0.text) }.joined(separator: "\t"))
  }
}

/// The inputs whose sequences were finished, with these, up to the first that Ctrl-C left unfinished: a shorter one
/// behind it may be done, but rows stand in the order of the inputs and have no holes.
func finished<Input>(_ inputs: [Input], _ found: [[Generated]]) -> [(Input, [Generated])] {
  Array(zip(inputs, found).prefix { !$1.isEmpty && !$1.contains { $0.finish == "cancelled" } })
}

/// A text in one line.
func line(_ text: String) -> String {
  text.split(whereSeparator: \.isNewline).joined(separator: " ")
}

/// Hands options to a call as the header takes them, and reads what it generated.
func generate(
  _ fields: [Field], onToken: TokenListener? = nil,
  _ call: (UnsafePointer<attend_generation_options>, UnsafeMutablePointer<OpaquePointer?>) -> OpaquePointer?
) throws -> [[Generated]] {
  var options = attend_generation_options.initial
  var handle: OpaquePointer?
  if let onToken {
    options.on_token = { event, context in
      Unmanaged<TokenListener>.fromOpaque(context!).takeUnretainedValue().hear(event!.pointee)
    }
    options.on_token_context = Unmanaged.passUnretained(onToken).toOpaque()
  }
  defer { withExtendedLifetime(onToken) {} }
  try withText(fields.isEmpty ? nil : Value.object(fields).json) { config in
    options.config = config
    do {
      try attempt(call(&options, &handle))
    } catch let trouble as Trouble where trouble.isCancelled && handle != nil {
      // What was generated by then is kept.
    } catch {
      attend_generation_free(handle)
      throw error
    }
  }
  return try Generated.take(handle)
}

/// Hears the tokens of a text as they are chosen, and writes it.
final class TokenListener {
  private let write: (String) -> Void
  private(set) var tokens = 0
  private(set) var first = 0.0

  init(write: @escaping (String) -> Void) { self.write = write }

  fileprivate func hear(_ event: attend_token_event) -> attend_verdict {
    if tokens == 0 { first = now() }
    tokens += 1
    if event.text_length > 0 && event.sequence == 0 { write(utf8(event.text, event.text_length)) }
    return interrupt.isAsked ? ATTEND_VERDICT_END_ALL : ATTEND_VERDICT_GO_ON
  }
}
