import CAttend

/// `POST /v1/chat/completions`
func chatCompletion(_ request: Request, _ reply: Reply, _ server: Server) throws {
  var fields = try jsonFields(request)
  let host = try server.models.named(try fields.string("model"))
  var sampling = try Sampling(&fields, host, server.limits)
  let chat = try ChatMessages(fields.take("messages"))
  if try fields.bool("logprobs") == true {
    sampling.tell(alternatives: try fields.integer("top_logprobs", 0...20) ?? 0)
  } else if fields.take("top_logprobs") != nil {
    throw APIError.invalid("top_logprobs is for logprobs: true.", "top_logprobs", code: "invalid_value")
  }
  let calls = try readTools(&fields, &sampling)
  let variables = try readVariables(&fields, tools: calls.tools)
  try fields.only("modalities", "[\"text\"]")
  for name in ["audio", "prediction", "web_search_options", "functions", "function_call"] { try fields.only(name) }
  try fields.finish()
  let form = AnswerForm(host.id, isChat: true, calls: calls.calls)
  guard host.model.hasChatTemplate else {
    throw APIError.invalid(
      "\(host.id) has no chat template: ask it by /v1/completions.", "model", code: "unsupported")
  }
  sampling.limit(to: server.limits.maxTokens)
  guard chat.pictures.isEmpty else {
    return try Answers(server, host, sampling, form, reply, prompts: 1).run(chat, variables: variables)
  }
  let ids = try conversationIDs(host, chat, variables)
  try checkLength(host, ids.count, sampling.most, "messages")
  try Answers(server, host, sampling, form, reply, prompts: 1).run([ids])
}

/// The members of a request in JSON.
func jsonFields(_ request: Request) throws(APIError) -> RequestFields {
  let type = request.type.prefix { $0 != ";" }
  guard type.lowercased() == "application/json" else {
    throw APIError(
      status: 415, message: "The Content-Type is \"\(type)\"; \(request.path) takes application/json.",
      code: "unsupported_media_type")
  }
  return try RequestFields(request.body)
}

/// The functions that an answer may call, and whether it has to.
private func readTools(
  _ fields: inout RequestFields, _ sampling: inout Sampling
) throws(APIError) -> (calls: AnswerForm.Calls, tools: Value?) {
  let tools = fields.take("tools")
  let choice = fields.take("tool_choice")
  let isParallel = try fields.bool("parallel_tool_calls")
  guard let tools, tools.items?.isEmpty != true else {
    if choice != nil, choice?.text != "none" { throw .invalid("tool_choice is for tools.", "tool_choice") }
    return (.none, nil)
  }
  guard tools.items != nil else { throw RequestFields.wrong("tools", "a list", tools) }
  sampling.add("tools", tools)
  if let choice { sampling.add("tool_choice", choice) }
  if isParallel == false { sampling.add("parallel_tool_calls", .bool(false)) }
  switch choice {
  case .string("none"): return (.none, tools)
  case nil, .string("auto"): return (.possible, tools)
  default: return (.expected, tools)
  }
}

/// What the chat template sees besides the conversation.
private func readVariables(_ fields: inout RequestFields, tools: Value?) throws(APIError) -> Value {
  var variables: [Field] = []
  if let own = fields.take("chat_template_kwargs") {
    guard case .object(let members) = own else { throw RequestFields.wrong("chat_template_kwargs", "an object", own) }
    variables = members
  }
  if let effort = try fields.string("reasoning_effort") {
    variables.append(Field("reasoning_effort", .string(effort)))
  }
  if let tools { variables.append(Field("tools", tools)) }
  return .object(variables)
}

private func conversationIDs(_ host: Host, _ chat: ChatMessages, _ variables: Value) throws -> [Int32] {
  let tokenizer = try host.tokenizer()
  let messages = Value.list(chat.messages).json
  return try variables.json.withCString { variables in
    var options = attend_chat_options.initial
    (options.generation_prompt, options.variables) = (true, variables)
    var encoding: OpaquePointer?
    do throws(Trouble) {
      try attempt(attend_tokenizer_encode_chat(tokenizer, messages, messages.utf8.count, &options, &encoding))
    } catch {
      throw APIError(error, "messages")
    }
    defer { attend_encoding_free(encoding) }
    return ids(of: encoding)
  }
}

/// Whether a prompt, and an answer of the length that is asked for, have room.
private func checkLength(_ host: Host, _ prompt: Int, _ answer: Int?, _ param: String) throws(APIError) {
  guard prompt > 0 else { throw .invalid("\(param) has no tokens.", param, code: "invalid_value") }
  let isDecoder = host.model.info.kind == ATTEND_KIND_DECODER
  let needed = prompt + (isDecoder ? answer ?? 1 : 0)
  guard needed > host.positions else { return }
  let asked = isDecoder && answer != nil ? " and \(answer ?? 0) of the answer" : ""
  throw .tooLong(
    "\(host.id) reads \(host.positions) tokens at most; \(param) has \(prompt) tokens\(asked).", param)
}

/// `POST /v1/completions`
func completion(_ request: Request, _ reply: Reply, _ server: Server) throws {
  var fields = try jsonFields(request)
  let host = try server.models.named(try fields.string("model"))
  _ = try host.generating()
  var sampling = try Sampling(&fields, host, server.limits)
  if let alternatives = try fields.integer("logprobs", 0...20) { sampling.tell(alternatives: alternatives) }
  let best = try fields.integer("best_of", 1...128)
  guard best == nil || best == sampling.count else {
    throw APIError.invalid("best_of other than n is not supported.", "best_of", code: "unsupported_parameter")
  }
  try fields.only("suffix", "\"\"")
  let prompts = try readPrompts(fields.take("prompt"), host)
  let echoes = try fields.bool("echo") ?? false
  try fields.finish()
  guard !echoes || sampling.alternatives == nil && !sampling.streams else {
    throw APIError.invalid("echo with logprobs or stream is not supported.", "echo", code: "unsupported_parameter")
  }
  for ids in prompts { try checkLength(host, ids.count, sampling.most, "prompt") }
  // An encoder-decoder ends by itself; of a decoder OpenAI gives 16 tokens.
  sampling.limit(to: host.model.info.kind == ATTEND_KIND_DECODER ? min(16, server.limits.maxTokens) : nil)
  var prefixes: [String] = []
  if echoes {
    for ids in prompts {
      let text = try decodedText(try host.tokenizer(), ids, special: false)
      prefixes += [String](repeating: text, count: sampling.count)
    }
  }
  let form = AnswerForm(host.id, isChat: false, prefixes: prefixes)
  try Answers(server, host, sampling, form, reply, prompts: prompts.count).run(prompts)
}

/// The ids of prompts: a text or several, ids or several lists of them.
private func readPrompts(_ value: Value?, _ host: Host) throws -> [[Int32]] {
  guard let value else { throw APIError.invalid("prompt is missing.", "prompt", code: "missing_parameter") }
  if let ids = value.ids { return [ids] }
  let prompts: [[Int32]]
  if let texts = value.strings {
    let tokenizer = try host.tokenizer()
    prompts = try texts.map { try encodedIds(tokenizer, $0) }
  } else if let lists = value.items?.map(\.ids), !lists.contains(where: { $0 == nil }) {
    prompts = lists.compactMap(\.self)
  } else {
    throw RequestFields.wrong("prompt", "a string, a list of strings, or of ids of tokens", value)
  }
  guard !prompts.isEmpty, prompts.count <= 128 else {
    throw APIError.invalid("prompt has \(prompts.count) texts; it takes 1 to 128.", "prompt", code: "invalid_value")
  }
  return prompts
}
