internal import CAttend

/// A word or a character, in seconds.
public struct Word: Sendable {
  public let start: Double
  public let end: Double
  public let text: String

  init(_ raw: attend_word) {
    start = raw.start
    end = raw.end
    text = Attend.text(raw.text, raw.text_length)
  }
}

/// A part of what is said, in seconds from the beginning of its recording.
public struct Segment: Sendable {
  public let start: Double
  public let end: Double
  public let text: String
  /// With `return_timestamps` "word" or "char".
  public let words: [Word]

  init(_ raw: attend_segment) {
    start = raw.start
    end = raw.end
    text = Attend.text(raw.text, raw.text_length)
    words = array(raw.words, raw.word_count).map(Word.init)
  }
}

/// What is said in a recording.
public struct Transcript: Sendable {
  public let text: String
  public let segments: [Segment]
  /// The code of the language; nil where the model names none.
  public let language: String?
  /// The segments as SubRip and as WebVTT; nil where the model writes no texts.
  public let srt: String?
  public let vtt: String?

  static func take(_ handle: OpaquePointer?) throws(AttendError) -> [Transcript] {
    defer { attend_transcription_free(handle) }
    guard let handle else { return [] }
    let count = attend_transcription_count(handle)
    let segments = try rows(count, { attend_transcription_segment_count(handle, $0) }) {
      (recording, index) throws(AttendError) in
      var raw = initial(attend_segment.self)
      try attempt(attend_transcription_get_segment(handle, recording, index, &raw))
      return Segment(raw)
    }
    return (0..<count).map { recording in
      var length = 0
      let bytes = attend_transcription_text(handle, recording, &length)
      return Transcript(
        text: Attend.text(bytes, length), segments: segments[recording],
        language: attend_transcription_language(handle, recording).map { String(cString: $0) },
        srt: format(handle, recording, ATTEND_FORMAT_SRT), vtt: format(handle, recording, ATTEND_FORMAT_VTT))
    }
  }

  private static func format(
    _ handle: OpaquePointer, _ recording: Int, _ kind: attend_transcription_format_kind
  ) -> String? {
    var written: OpaquePointer?
    if let failure = attend_transcription_format(handle, recording, kind, false, &written) {
      attend_error_free(failure)
      return nil
    }
    return Attend.take(written)
  }
}

/// Hears of a segment as soon as it is certain. False ends the call with `.cancelled`.
public typealias SegmentHandler = (Segment) -> Bool

/// How to transcribe, as the header takes it, for the time of a call or a stream.
final class TranscribeOptions {
  private let config: String
  private let listener: Callback<SegmentHandler>?

  init(_ options: [String: Setting], _ onSegment: SegmentHandler?) {
    config = Setting.object(options).text
    listener = onSegment.map { Callback($0) }
  }

  func with<Result>(_ body: (UnsafePointer<attend_transcribe_options>) -> Result) -> Result {
    var raw = initial(attend_transcribe_options.self)
    if let listener {
      raw.on_segment = { Callback<SegmentHandler>.function($1)(Segment($0!.pointee)) }
      raw.on_segment_context = listener.context
    }
    defer { withExtendedLifetime(listener) {} }
    return config.withCString {
      raw.config = $0
      return body(&raw)
    }
  }
}

extension Session {
  /// Writes down what is said in recordings; options by name are in docs/generation.md.
  public func transcribe(
    _ sounds: [MediaInput], options: [String: Setting] = [:], onSegment: SegmentHandler? = nil
  ) throws(AttendError) -> [Transcript] {
    let how = TranscribeOptions(options, onSegment)
    var made: OpaquePointer?
    let failure = try MediaInput.with(sounds) { sounds, count in
      how.with { attend_transcribe(handle, sounds, count, $0, &made) }
    }
    return try transcripts(failure, made)
  }

  /// The codes of the languages that are spoken in the first 30 s of recordings.
  public func languages(_ sounds: [MediaInput]) throws(AttendError) -> [String?] {
    var made: OpaquePointer?
    let failure = try MediaInput.with(sounds) { attend_detect_languages(handle, $0, $1, &made) }
    return try transcripts(failure, made).map(\.language)
  }
}

/// The transcripts of a handle, or the error with what there is by then.
private func transcripts(_ failure: OpaquePointer?, _ made: OpaquePointer?) throws(AttendError) -> [Transcript] {
  guard let failure else { return try Transcript.take(made) }
  let partial = try? Transcript.take(made)
  throw AttendError(taking: failure, partial: made == nil ? nil : partial.map { .transcripts($0) })
}

/// What somebody says while he says it. It belongs to one thread or task at a time, as its session does, which may be
/// used otherwise between two calls.
public final class SpeechStream {
  private let handle: OpaquePointer
  private let session: Session
  private let options: TranscribeOptions
  private let rate: Int

  /// A stream of samples of which `rate` make a second. Errors: as of `transcribe`.
  public init(
    _ session: Session, rate: Int, options: [String: Setting] = [:], onSegment: SegmentHandler? = nil
  ) throws(AttendError) {
    let how = TranscribeOptions(options, onSegment)
    var made: OpaquePointer?
    try attempt(how.with { attend_stream_create(session.handle, UInt32(clamping: rate), $0, &made) })
    handle = made!
    self.session = session
    self.options = how
    self.rate = rate
  }

  deinit { attend_stream_free(handle) }

  /// Hears a piece: the segments that it settles, perhaps none.
  public func feed(_ samples: [Float]) throws(AttendError) -> Transcript {
    var made: OpaquePointer?
    let failure = MediaInput.lend([.samples(samples, rate: rate)]) { inputs, _ in
      attend_stream_feed(handle, inputs, &made)
    }
    return try settled(failure, made)
  }

  /// Ends the stream: what was not settled.
  public func finish() throws(AttendError) -> Transcript {
    var made: OpaquePointer?
    return try settled(attend_stream_finish(handle, &made), made)
  }

  private func settled(_ failure: OpaquePointer?, _ made: OpaquePointer?) throws(AttendError) -> Transcript {
    guard let settled = try transcripts(failure, made).first else {
      throw AttendError(.internal, "a stream has no recording")
    }
    return settled
  }
}

/// A picture that was drawn.
public struct Drawing: Sendable {
  public let height: Int
  public let width: Int
  /// Red, green and blue: `[height, width, 3]`.
  public let pixels: [UInt8]
  /// How well it matches the text; nil where nothing ranked it.
  public let score: Double?
}

extension Session {
  /// Draws pictures of a text; `clip` ranks them. Errors: unsupported, where the model draws none.
  public func draw(
    _ text: String, candidates: Int = 1, seed: UInt64 = 0, clip: Model? = nil, painter: String? = nil
  ) throws(AttendError) -> [Drawing] {
    var raw = initial(attend_draw_options.self)
    raw.candidates = max(candidates, 0)
    raw.seed = seed
    raw.clip = clip?.handle
    var made: OpaquePointer?
    let failure = withText(painter) {
      raw.painter = $0
      return attend_draw(handle, text, text.utf8.count, &raw, &made)
    }
    withExtendedLifetime(clip) {}
    try attempt(failure)
    defer { attend_drawing_free(made) }
    var drawn: [Drawing] = []
    for index in 0..<attend_drawing_count(made) {
      var tensor = attend_tensor()
      try attempt(attend_drawing_pixels(made, index, &tensor))
      let shape = dimensions(tensor), score = attend_drawing_score(made, index)
      drawn.append(
        Drawing(
          height: shape[0], width: shape[1],
          pixels: array(tensor.data?.assumingMemoryBound(to: UInt8.self), shape.reduce(1, *)),
          score: score.isNaN ? nil : score))
    }
    return drawn
  }
}
