import CAttend
import NIOPosix
import Synchronization

/// The answers to one prompt. The thread that generates writes them; when it has ended, one of the pool's.
final class AnswerPart: @unchecked Sendable {
  private struct Handle {
    /// The address of the request; 0: there is none.
    var request: UInt = 0
    var isDone = false
  }

  private let answer: Answers
  private let first: Int
  private let handle = Mutex(Handle())
  private(set) var drafts: [Draft]
  private(set) var promptTokens = 0
  private(set) var generatedTokens = 0
  private var pool: Server?

  /// `first` is the number of the first answer among those of the request.
  init(_ answer: Answers, first: Int) {
    (self.answer, self.first) = (answer, first)
    let isHeld = answer.form.calls == .expected
    let tokenizer = answer.form.calls == .none ? nil : try? answer.host.model.tokenizer()
    let draft = Draft(
      cutter: StopCutter(answer.sampling.stops), gate: tokenizer.map { CallGate($0, isShut: isHeld) })
    drafts = Array(repeating: draft, count: answer.sampling.count)
  }

  // MARK: By the scheduler

  func submit(_ scheduler: OpaquePointer, _ ids: [Int32], _ server: Server) throws(Trouble) {
    (pool, promptTokens) = (server, ids.count)
    answer.host.keep(ids.count)
    let context = Unmanaged.passRetained(self)
    var request: OpaquePointer?
    do throws(Trouble) {
      try withOptions { (options) throws(Trouble) in
        var asked = attend_request_options.initial
        asked.generation = options
        asked.on_done_context = context.toOpaque()
        asked.on_done = { context in
          let part = Unmanaged<AnswerPart>.fromOpaque(context!).takeUnretainedValue()
          part.pool?.pool.submit { _ in part.finish(nil) }
        }
        try attempt(attend_scheduler_submit(scheduler, ids, ids.count, &asked, &request))
      }
    } catch {
      context.release()
      answer.host.keep(-ids.count)
      throw error
    }
    finish(request)
  }

  /// Hears that the request has a handle, and that it is done, in whichever order; then gives the result.
  private func finish(_ request: OpaquePointer?) {
    let address = request.map { UInt(bitPattern: $0) }
    let found = handle.withLock { handle -> UInt in
      if let address { handle.request = address } else { handle.isDone = true }
      guard handle.isDone else { return 0 }
      defer { handle.request = 0 }
      return handle.request
    }
    guard let done = OpaquePointer(bitPattern: found) else {
      if answer.reply.cancellation.isAsked { cancel() }
      return
    }
    let kept = promptTokens + generatedTokens
    var generation: OpaquePointer?
    var failure: Trouble?
    do throws(Trouble) {
      try attempt(attend_request_wait(done, -1, &generation))
      try conclude(generation)
    } catch {
      failure = error
    }
    attend_generation_free(generation)
    attend_request_free(done)
    answer.host.keep(-kept)
    answer.ended(self, failure)
    Unmanaged.passUnretained(self).release()
  }

  func cancel() { handle.withLock { attend_request_cancel(OpaquePointer(bitPattern: $0.request)) } }

  // MARK: By the session

  func generate(_ chat: ChatMessages, variables: Value) throws(Trouble) {
    var generation: OpaquePointer?
    defer {
      attend_generation_free(generation)
      answer.host.keep(-generatedTokens)
    }
    let messages = Value.list(chat.messages).json
    let inputs = chat.pictures.map { bytes in
      var input = attend_input.initial
      input.kind = ATTEND_INPUT_BYTES
      input.size = bytes.count
      return input
    }
    let failure = withBytes(chat.pictures) { addresses -> Trouble? in
      var inputs = inputs
      for index in inputs.indices { inputs[index].data = addresses[index] }
      return inputs.withUnsafeBufferPointer { inputs -> Trouble? in
        variables.json.withCString { variables -> Trouble? in
          var options = attend_chat_options.initial
          (options.inputs, options.input_count, options.variables) = (inputs.baseAddress, inputs.count, variables)
          do throws(Trouble) {
            try withOptions { (how) throws(Trouble) in
              try attempt(
                attend_generate_chat(
                  answer.host.model.session, messages, messages.utf8.count, &options, how, &generation))
            }
            return nil
          } catch {
            return error
          }
        }
      }
    }
    if let failure { throw failure }
    try conclude(generation)
    answer.ended(self)
  }

  // MARK: What is generated

  private func withOptions(
    _ body: (UnsafePointer<attend_generation_options>) throws(Trouble) -> Void
  ) throws(Trouble) {
    let config = Value.object(answer.sampling.options).json
    let failure = config.withCString { config -> Trouble? in
      var options = attend_generation_options.initial
      options.config = config
      if answer.sampling.count > 1 { options.num_return_sequences = UInt32(answer.sampling.count) }
      options.on_token_context = Unmanaged.passUnretained(self).toOpaque()
      options.on_token = { event, context in
        Unmanaged<AnswerPart>.fromOpaque(context!).takeUnretainedValue().hear(event!.pointee)
      }
      do throws(Trouble) {
        try body(&options)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  private func hear(_ event: attend_token_event) -> attend_verdict {
    if answer.reply.cancellation.isAsked { return ATTEND_VERDICT_END_REQUEST }
    if generatedTokens == 0 { begin() }
    generatedTokens += 1
    answer.host.keep(1)
    let place = event.sequence
    let isEnd = event.finish_reason == ATTEND_FINISH_END.rawValue
    if answer.sampling.alternatives != nil && !isEnd {
      let alternatives = Array(
        UnsafeBufferPointer(start: event.alternatives, count: event.alternatives == nil ? 0 : event.alternative_count))
      drafts[place].entries.append(
        Draft.Entry(token: event.token, logProbability: event.log_probability, alternatives: alternatives))
    }
    var text = drafts[place].cutter.feed(utf8(event.text, event.text_length))
    if event.finish_reason != 0 { text += drafts[place].cutter.finish() }
    drafts[place].text += text
    if answer.sampling.streams {
      let passed = drafts[place].gate?.feed(text, token: event.token) ?? text
      if !passed.isEmpty { send(passed, place) }
    }
    if drafts[place].cutter.isStopped {
      drafts[place].finish = "stop"
      return ATTEND_VERDICT_END_SEQUENCE
    }
    return ATTEND_VERDICT_GO_ON
  }

  /// Tells who speaks, before the first token.
  private func begin() {
    answer.heardFirstToken()
    guard answer.sampling.streams, let opening = answer.form.opening else { return }
    for place in drafts.indices {
      answer.reply.event(answer.form.chunk(first + place, opening, tellsUsage: answer.sampling.tellsUsage))
    }
  }

  private func send(_ text: String, _ place: Int) {
    let entries = drafts[place].entries[drafts[place].sentEntries...]
    drafts[place].sent += text
    answer.reply.event(
      answer.form.chunk(
        first + place, answer.form.piece(text), logs: logs(entries), tellsUsage: answer.sampling.tellsUsage))
    drafts[place].sentEntries = drafts[place].entries.count
  }

  private func logs(_ entries: ArraySlice<Draft.Entry>) -> Value? {
    guard answer.sampling.alternatives != nil, let texts = answer.host.texts else { return nil }
    return answer.form.logs(entries, texts)
  }

  /// Takes in what is known at the end alone: reasons, calls, the prompt's length.
  private func conclude(_ generation: OpaquePointer?) throws(Trouble) {
    if answer.reply.isEnded { return }
    if generatedTokens == 0 { begin() }
    for place in drafts.indices {
      let index = place
      var found = attend_hypothesis.initial
      try attempt(attend_generation_get_hypothesis(generation, 0, index, &found))
      promptTokens = answer.host.model.info.kind == ATTEND_KIND_DECODER ? found.prompt_count : promptTokens
      let isCancelled = found.finish_reason == ATTEND_FINISH_CANCELLED && drafts[place].finish == nil
      if isCancelled { throw Trouble("the answer was cancelled", code: ATTEND_ERROR_CANCELLED) }
      drafts[place].finish =
        drafts[place].finish ?? (found.finish_reason == ATTEND_FINISH_LENGTH ? "length" : "stop")
      if answer.form.calls != .none { try readCalls(generation, place) }
      if answer.sampling.streams { sendEnd(place) }
    }
  }

  private func readCalls(_ generation: OpaquePointer?, _ place: Int) throws(Trouble) {
    var written: OpaquePointer?
    try attempt(attend_generation_message(generation, 0, place, &written))
    let message = try Value(json: Array(take(written).utf8))
    drafts[place].calls = (message["tool_calls"]?.items ?? []).map { call in
      .object([
        Field("id", .string("call_\(randomName())")), Field("type", .string("function")),
        Field(
          "function",
          .object([
            Field("name", call["function"]?["name"] ?? .null),
            Field("arguments", .string((call["function"]?["arguments"] ?? .object([])).json)),
          ])),
      ])
    }
    guard !drafts[place].calls.isEmpty else { return }
    drafts[place].text = message["content"]?.text ?? ""
    drafts[place].finish = "tool_calls"
  }

  /// The rest of a text that was held back, the calls, and the reason why it ended.
  private func sendEnd(_ place: Int) {
    let draft = drafts[place]
    if draft.text.hasPrefix(draft.sent), draft.text != draft.sent {
      send(String(draft.text.dropFirst(draft.sent.count)), place)
    }
    let entries = drafts[place].entries[drafts[place].sentEntries...]
    for (number, call) in draft.calls.enumerated() {
      guard case .object(let fields) = call else { continue }
      let delta = Value.object([Field("index", .integer(number))] + fields)
      answer.reply.event(
        answer.form.chunk(
          first + place, [Field("tool_calls", .list([delta]))], tellsUsage: answer.sampling.tellsUsage))
    }
    answer.reply.event(
      answer.form.chunk(
        first + place, answer.form.piece(nil), logs: entries.isEmpty ? nil : logs(entries), finish: draft.finish,
        tellsUsage: answer.sampling.tellsUsage))
  }
}

/// Hands the addresses of several arrays to a call.
private func withBytes<Result>(
  _ arrays: [[UInt8]], _ addresses: [UnsafeRawPointer?] = [], _ body: ([UnsafeRawPointer?]) -> Result
) -> Result {
  guard addresses.count < arrays.count else { return body(addresses) }
  return arrays[addresses.count].withUnsafeBytes { withBytes(arrays, addresses + [$0.baseAddress], body) }
}
