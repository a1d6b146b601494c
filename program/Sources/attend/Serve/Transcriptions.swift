import CAttend

/// `POST /v1/audio/transcriptions`, and with `translates` `/v1/audio/translations`
func transcription(_ request: Request, _ reply: Reply, _ server: Server, translates: Bool) throws {
  let form = try Multipart(request.type, request.body)
  let host = try server.models.named(form["model"]?.text)
  let asked = try TranscriptionRequest(form, translates: translates)
  let seat = try host.admit(server)
  host.worker.run(reply) {
    defer { withExtendedLifetime(seat) {} }
    try asked.answer(host, reply)
  }
}

/// What is to be heard, and how it is told.
private struct TranscriptionRequest: Sendable {
  private let sound: ArraySlice<UInt8>
  private let form: String
  private let config: String
  private let words: Bool
  private let streams: Bool
  private let translates: Bool

  init(_ fields: Multipart, translates: Bool) throws(APIError) {
    guard let file = fields["file"] else { throw .invalid("file is missing.", "file", code: "missing_parameter") }
    sound = file.bytes
    self.translates = translates
    let known = [
      "file", "model", "language", "prompt", "response_format", "temperature", "timestamp_granularities[]", "stream",
    ]
    if let stranger = fields.parts.first(where: { !known.contains($0.name) || translates && $0.name == "language" }) {
      throw .invalid(
        "Unrecognized request argument supplied: \(stranger.name)", stranger.name, code: "unknown_parameter")
    }
    form = fields["response_format"]?.text ?? "json"
    guard ["json", "text", "srt", "vtt", "verbose_json"].contains(form) else {
      throw .invalid(
        "response_format is \"\(form)\"; it is json, text, srt, vtt or verbose_json.", "response_format",
        code: "invalid_value")
    }
    let times = fields.parts.filter { $0.name == "timestamp_granularities[]" }.map(\.text)
    guard times.allSatisfy({ $0 == "word" || $0 == "segment" }), times.isEmpty || form == "verbose_json" else {
      throw .invalid(
        "timestamp_granularities is word or segment, for verbose_json.", "timestamp_granularities",
        code: "invalid_value")
    }
    words = times.contains("word")
    streams = try TranscriptionRequest.streams(fields["stream"]?.text, form)
    config = try TranscriptionRequest.config(fields, words: words, times: form != "json" && form != "text", translates)
  }

  private static func streams(_ said: String?, _ form: String) throws(APIError) -> Bool {
    guard let said, said != "false" else { return false }
    guard said == "true", form == "json" || form == "text" else {
      throw .invalid("stream is true or false, and for json and text.", "stream", code: "invalid_value")
    }
    return true
  }

  /// The options of the library.
  private static func config(
    _ fields: Multipart, words: Bool, times: Bool, _ translates: Bool
  ) throws(APIError) -> String {
    var options: [Field] = []
    if translates { options.append(Field("task", .string("translate"))) }
    if let language = fields["language"]?.text, !language.isEmpty {
      options.append(Field("language", .string(language)))
    }
    if let prompt = fields["prompt"]?.text, !prompt.isEmpty { options.append(Field("prompt", .string(prompt))) }
    if let text = fields["temperature"]?.text {
      guard let temperature = Double(text), temperature >= 0, temperature <= 1 else {
        throw .invalid("temperature is \"\(text)\"; it is from 0 to 1.", "temperature", code: "invalid_value")
      }
      if temperature > 0 { options.append(Field("temperature", .number(temperature))) }
    }
    if words { options.append(Field("return_timestamps", .string("word"))) }
    return Value.object(options).json
  }

  func answer(_ host: Host, _ reply: Reply) throws {
    var options = attend_transcribe_options.initial
    var handle: OpaquePointer?
    defer { attend_transcription_free(handle) }
    if streams {
      options.on_segment_context = Unmanaged.passUnretained(reply).toOpaque()
      options.on_segment = { segment, context in
        let reply = Unmanaged<Reply>.fromOpaque(context!).takeUnretainedValue()
        let text = utf8(segment!.pointee.text, segment!.pointee.text_length)
        reply.event(
          Value.object([Field("type", .string("transcript.text.delta")), Field("delta", .string(text))]).json)
        return !reply.cancellation.isAsked
      }
    }
    try sound.withUnsafeBytes { bytes in
      var input = attend_input.initial
      (input.kind, input.data, input.size) = (ATTEND_INPUT_BYTES, bytes.baseAddress, bytes.count)
      try config.withCString { config in
        options.config = config
        try attempt(attend_transcribe(host.model.session, &input, 1, &options, &handle))
      }
    }
    withExtendedLifetime(reply) {}
    try tell(handle, host, reply)
  }

  private func tell(_ handle: OpaquePointer?, _ host: Host, _ reply: Reply) throws {
    var length = 0
    let bytes = attend_transcription_text(handle, 0, &length)
    let text = utf8(bytes, length).trimmed
    if streams {
      reply.event(Value.object([Field("type", .string("transcript.text.done")), Field("text", .string(text))]).json)
      return reply.endEvents()
    }
    switch form {
    case "text": reply.send(200, "text/plain; charset=utf-8", text + "\n")
    case "srt": reply.send(200, "application/x-subrip; charset=utf-8", try formatted(handle, ATTEND_FORMAT_SRT))
    case "vtt": reply.send(200, "text/vtt; charset=utf-8", try formatted(handle, ATTEND_FORMAT_VTT))
    case "verbose_json": reply.send(try verbose(handle, text))
    default: reply.send(.object([Field("text", .string(text))]))
    }
  }

  private func formatted(_ handle: OpaquePointer?, _ kind: attend_transcription_format_kind) throws -> String {
    var written: OpaquePointer?
    try attempt(attend_transcription_format(handle, 0, kind, false, &written))
    return take(written)
  }

  private func verbose(_ handle: OpaquePointer?, _ text: String) throws -> Value {
    let segments = try (0..<attend_transcription_segment_count(handle, 0)).map { index in
      var segment = attend_segment.initial
      try attempt(attend_transcription_get_segment(handle, 0, index, &segment))
      return segment
    }
    let language = attend_transcription_language(handle, 0).map { Value.string(String(cString: $0)) }
    var fields = [
      Field("task", .string(translates ? "translate" : "transcribe")), Field("language", language ?? .null),
      Field("duration", .number(waveSeconds(sound) ?? segments.last?.end ?? 0)), Field("text", .string(text)),
      Field("segments", .list(segments.enumerated().map { describe($1, $0) })),
    ]
    if words {
      let all = segments.flatMap { UnsafeBufferPointer(start: $0.words, count: $0.words == nil ? 0 : $0.word_count) }
      let told = all.map { word in
        Value.object([
          Field("word", .string(utf8(word.text, word.text_length).trimmed)), Field("start", .number(word.start)),
          Field("end", .number(word.end)),
        ])
      }
      fields.append(Field("words", .list(told)))
    }
    return .object(fields)
  }

  private func describe(_ segment: attend_segment, _ index: Int) -> Value {
    let ids = UnsafeBufferPointer(start: segment.ids, count: segment.ids == nil ? 0 : segment.count)
    return .object([
      Field("id", .integer(index)), Field("seek", .integer(Int(segment.window_start * 100))),
      Field("start", .number(segment.start)), Field("end", .number(segment.end)),
      Field("text", .string(utf8(segment.text, segment.text_length))),
      Field("tokens", .list(ids.map { .integer(Int($0)) })), Field("temperature", .number(segment.temperature)),
      Field("avg_logprob", .number(segment.log_probability)),
      Field("compression_ratio", .number(segment.compression_ratio)),
      Field("no_speech_prob", .number(segment.no_speech_probability)),
    ])
  }
}

/// The seconds of a WAV file, from the sizes that it states; nil: it is none.
private func waveSeconds(_ bytes: ArraySlice<UInt8>) -> Double? {
  let bytes = Array(bytes.prefix(4096))
  func number(_ place: Int, _ count: Int) -> Int {
    (0..<count).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
  }
  guard bytes.starts(with: "RIFF".utf8), bytes.count > 44 else { return nil }
  var (place, rate) = (12, 0)
  while place + 8 <= bytes.count {
    let size = number(place + 4, 4)
    if bytes[place...].starts(with: "fmt ".utf8), place + 20 <= bytes.count { rate = number(place + 16, 4) }
    if bytes[place...].starts(with: "data".utf8) { return rate > 0 ? Double(size) / Double(rate) : nil }
    place += 8 + size + size % 2
  }
  return nil
}
