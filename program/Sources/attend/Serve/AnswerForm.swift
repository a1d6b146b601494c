import CAttend

/// The JSON of answers, of chat or of plain texts.
struct AnswerForm: Sendable {
  /// Whether answers may call functions.
  enum Calls: Sendable {
    case none, possible, expected
  }

  let isChat: Bool
  let calls: Calls
  /// What stands before each answer, for plain texts that are echoed.
  let prefixes: [String]
  private let id: String
  private let created = secondsOfToday()
  private let model: String

  init(_ model: String, isChat: Bool, calls: Calls = .none, prefixes: [String] = []) {
    (self.model, self.isChat, self.calls, self.prefixes) = (model, isChat, calls, prefixes)
    id = (isChat ? "chatcmpl-" : "cmpl-") + randomName()
  }

  /// What the first piece of an answer tells.
  var opening: [Field]? {
    isChat ? [Field("role", .string("assistant")), Field("content", .string(""))] : nil
  }

  /// A piece of text; nil: none, at the end.
  func piece(_ text: String?) -> [Field] {
    if isChat { return text.map { [Field("content", .string($0))] } ?? [] }
    return [Field("text", .string(text ?? ""))]
  }

  /// An event of a stream with a piece of one answer.
  func chunk(
    _ index: Int, _ fields: [Field], logs: Value? = nil, finish: String? = nil, tellsUsage: Bool
  ) -> String {
    let end = [
      Field("logprobs", logs ?? .null), Field("finish_reason", finish.map { .string($0) } ?? .null),
    ]
    let piece = isChat ? [Field("delta", .object(fields))] : fields
    let choice = Value.object([Field("index", .integer(index))] + piece + end)
    return event([choice], tellsUsage ? [Field("usage", .null)] : [])
  }

  func usageChunk(_ usage: Value) -> String { event([], [Field("usage", usage)]) }

  private func event(_ choices: [Value], _ more: [Field]) -> String {
    Value.object(head(isChat ? "chat.completion.chunk" : "text_completion", choices) + more).json
  }

  private func head(_ object: String, _ choices: [Value]) -> [Field] {
    [
      Field("id", .string(id)), Field("object", .string(object)), Field("created", .integer(created)),
      Field("model", .string(model)), Field("choices", .list(choices)),
    ]
  }

  func usage(prompt: Int, generated: Int) -> Value {
    .object([
      Field("prompt_tokens", .integer(prompt)), Field("completion_tokens", .integer(generated)),
      Field("total_tokens", .integer(prompt + generated)),
    ])
  }

  /// All answers at once.
  func whole(_ drafts: [Draft], _ texts: TokenTexts?, _ usage: Value) -> Value {
    let choices = drafts.enumerated().map { index, draft in
      var fields = [Field("index", .integer(index))]
      if isChat {
        var message = [
          Field("role", .string("assistant")),
          Field("content", draft.text.isEmpty && !draft.calls.isEmpty ? .null : .string(draft.text)),
        ]
        if !draft.calls.isEmpty { message.append(Field("tool_calls", .list(draft.calls))) }
        fields.append(Field("message", .object(message)))
      } else {
        fields.append(Field("text", .string((prefixes.isEmpty ? "" : prefixes[index]) + draft.text)))
      }
      let logs = draft.entries.isEmpty ? nil : texts.map { self.logs(draft.entries[...], $0) }
      fields.append(Field("logprobs", logs ?? .null))
      fields.append(Field("finish_reason", .string(draft.finish ?? "stop")))
      return Value.object(fields)
    }
    return .object(head(isChat ? "chat.completion" : "text_completion", choices) + [Field("usage", usage)])
  }

  // MARK: Log-probabilities

  func logs(_ entries: ArraySlice<Draft.Entry>, _ texts: TokenTexts) -> Value {
    isChat ? chatLogs(entries, texts) : plainLogs(entries, texts)
  }

  private func chatLogs(_ entries: ArraySlice<Draft.Entry>, _ texts: TokenTexts) -> Value {
    let tokens = entries.map { entry in
      let others = entry.alternatives.map { Value.object(texts.fields($0.token, $0.log_probability)) }
      return Value.object(
        texts.fields(entry.token, entry.logProbability) + [Field("top_logprobs", .list(others))])
    }
    return .object([Field("content", .list(tokens)), Field("refusal", .null)])
  }

  private func plainLogs(_ entries: ArraySlice<Draft.Entry>, _ texts: TokenTexts) -> Value {
    var (names, offsets, offset) = ([Value](), [Value](), 0)
    for entry in entries {
      let text = texts.text(entry.token)
      names.append(.string(text))
      offsets.append(.integer(offset))
      offset += text.unicodeScalars.count
    }
    let others = entries.map { entry in
      Value.object(entry.alternatives.map { Field(texts.text($0.token), .float($0.log_probability)) })
    }
    return .object([
      Field("tokens", .list(names)), Field("token_logprobs", .list(entries.map { .float($0.logProbability) })),
      Field("top_logprobs", .list(others)), Field("text_offset", .list(offsets)),
    ])
  }
}
