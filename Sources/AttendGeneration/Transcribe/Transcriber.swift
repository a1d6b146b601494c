import AttendBase
import AttendDecoding
import AttendDispatch
import AttendLayers
import AttendModels
import AttendSounds
import AttendTokenizers

/// The writer of what is said in recordings, with a Whisper (Radford et al. 2022, arXiv:2212.04356): in windows of
/// 30 s, each of which begins where the last one was understood to its end. Several recordings go side by side, each
/// window of one beside a window of the others.
package final class Transcriber: SpeechWriter {
  let session: Session
  let logMel: LogMel
  let options: TranscriptionOptions
  private let encoder: WindowEncoder
  private let decoder: WindowDecoder
  private let aligner: TokenAligner?
  private let speller: SegmentSpeller
  let prompt: [Int32]
  /// Frames of a step of timestamps, as many as become one state.
  let stride: Int

  package var hasText: Bool { speller.tokenizer != nil }

  /// Throws `unsupported` for what the checkpoint lacks.
  package init(_ session: Session, _ options: TranscriptionOptions) throws(Failure) {
    (self.session, self.options) = (session, options)
    let model = session.model
    logMel = try model.speechFrontEnd()
    encoder = try WindowEncoder(session, logMel, options)
    decoder = try WindowDecoder(session, options)
    stride = max(logMel.windowFrames / (try encoder.stateCount()), 1)
    speller = SegmentSpeller(try? model.tokenizer.get(), options.tokens)
    if options.wordTimes, speller.tokenizer == nil {
      // The failure says why there is none.
      _ = try model.tokenizer.get()
    }
    aligner =
      try options.tokenTimes || options.wordTimes
      ? TokenAligner(session, heads: options.tokens.alignmentHeads, width: try model.medianFilterWidth()) : nil
    prompt = try Transcriber.prompt(options, model)
  }

  /// The tokens of the caller's prompt, a text behind the token that marks what was said before.
  private static func prompt(_ options: TranscriptionOptions, _ model: Model) throws(Failure) -> [Int32] {
    guard let text = options.prompt else { return options.promptTokens }
    guard let mark = options.tokens.previousText else {
      throw Failure(.unsupported, "prompt is set, and the checkpoint has no prev_sot_token_id")
    }
    var reading = TokenizeOptions()
    reading.addSpecialTokens = false
    var spaced = " " + text.drop { $0 == " " }
    let tokenizer = try model.tokenizer.get()
    var failure: Failure?
    let ids = spaced.withUTF8 { bytes -> [Int32] in
      do throws(Failure) { return Array(try tokenizer.encode(UnsafeRawBufferPointer(bytes), reading).ids.buffer) } catch
      {
        failure = error
        return []
      }
    }
    if let failure { throw failure }
    return [mark] + ids
  }

  // MARK: Recordings

  /// Writes down `sources`. Where one is longer than a window, the call is long: timestamps are needed, and with
  /// several recordings each ends where its sound does, not where its window does, as in the reference.
  ///
  /// Where the session's cancellation or the `listener` ends the call, or something fails, what there is by then is
  /// kept, and `failure` says why it is not whole. All live sequences of the session are dropped, before and after.
  package func transcribe(
    _ sources: [any SampleSource], listener: Listener?
  ) throws(Failure) -> (transcriptions: [Transcription], failure: Failure?) {
    let recordings = try open(sources)
    let failure = session.withoutMaps { () throws(Failure) in
      let work = recordings.reduce(0) { $0.saturatingAdd($1.limit) }
      try session.cancellation.enclose(work: work) { () throws(Failure) in
        var open = recordings
        while !open.isEmpty {
          for first in Swift.stride(from: 0, to: open.count, by: WindowEncoder.mostWindows) {
            try hear(open[first..<min(first + WindowEncoder.mostWindows, open.count)], listener)
            try session.cancellation.check()
          }
          open.removeAll(where: \.isOver)
        }
      }
    }
    return (recordings.map(\.transcription), failure)
  }

  /// The language that is spoken at the beginning of each recording; nothing is written down.
  package func detectLanguages(_ sources: [any SampleSource]) throws(Failure) -> [Transcription] {
    guard !options.tokens.languages.isEmpty else {
      throw Failure(.unsupported, "the checkpoint has no lang_to_id: it knows no languages to choose from")
    }
    let recordings = try open(sources)
    defer { session.drop() }
    try session.cancellation.enclose(work: recordings.count) { () throws(Failure) in
      for first in Swift.stride(from: 0, to: recordings.count, by: WindowEncoder.mostWindows) {
        let part = recordings[first..<min(first + WindowEncoder.mostWindows, recordings.count)]
        _ = try encoder.encode(part)
        for (recording, token) in zip(part, try encoder.detectLanguages(part.map { _ in true })) {
          recording.transcription.language = options.tokens.code(of: token)
        }
        session.cancellation.advanceEnclosing(part.count)
      }
    }
    return recordings.map(\.transcription)
  }

  /// Recordings at their beginnings.
  private func open(_ sources: [any SampleSource]) throws(Failure) -> [Recording] {
    guard !sources.isEmpty else { throw Failure(.invalidArgument, "there is no recording to transcribe") }
    guard options.languages.count <= 1 || options.languages.count == sources.count else {
      throw Failure(
        .invalidArgument, "language has \(options.languages.count) entries for \(sources.count) recordings")
    }
    var windows: [LogMelWindows] = []
    for source in sources { windows.append(try LogMelWindows(logMel, source, threads: session.engine.threads)) }
    isLong = windows.contains { $0.frames > logMel.windowFrames }
    if isLong { try requireTimestamps("a recording has more than the \(logMel.windowFrames) frames of a window") }
    var recordings: [Recording] = []
    for (number, windows) in windows.enumerated() {
      let limit = isLong && sources.count > 1 ? windows.realFrames : windows.frames
      recordings.append(
        try Recording(
          number, windows, limit: limit, prompt: prompt, options, positions: session.positions ?? 448))
    }
    return recordings
  }

  /// Throws `invalidArgument` where timestamps are refused, or the model knows none.
  func requireTimestamps(_ reason: String) throws(Failure) {
    guard options.refusesTimestamps || options.tokens.noTimestamps == nil else { return }
    throw Failure(
      .invalidArgument, "\(reason), and return_timestamps is false: windows are joined by timestamps")
  }

  /// Whether a recording of the call is longer than a window, or heard while it comes.
  var isLong = false
  private var timestamps: Bool { isLong || options.timestamps }

  // MARK: Windows

  /// A window that was decoded, and of what.
  struct Decoded {
    let request: WindowDecoder.Request
    let result: WindowDecoder.Result
  }

  /// Hears the next window of each recording, and writes it down.
  private func hear(_ recordings: ArraySlice<Recording>, _ listener: Listener?) throws(Failure) {
    for (recording, decoded) in zip(recordings, try decode(recordings)) { try write(recording, decoded, listener) }
  }

  /// Decodes the next window of each recording.
  func decode(_ recordings: ArraySlice<Recording>) throws(Failure) -> [Decoded] {
    let recordings = Array(recordings)
    let sources = try encoder.encode(recordings[...])
    try findPrefixes(recordings)
    var contexts: [[Int32]] = []
    for recording in recordings { contexts.append(try recording.context()) }
    let noSpeech = try options.noSpeechThreshold.map { (_) throws(Failure) in
      try encoder.noSpeechProbabilities(contexts)
    }
    var requests: [WindowDecoder.Request] = []
    for (index, recording) in recordings.enumerated() {
      requests.append(
        WindowDecoder.Request(
          source: sources[index], prompt: try TokenList(contexts[index] + recording.prefix), start: recording.offset,
          seek: recording.seek,
          noSpeechProbability: noSpeech?[index] ?? .nan))
    }
    return zip(requests, try decode(requests)).map { Decoded(request: $0, result: $1) }
  }

  /// Decodes windows at one temperature after another, until no threshold asks for the next.
  private func decode(_ requests: [WindowDecoder.Request]) throws(Failure) -> [WindowDecoder.Result] {
    var results: [WindowDecoder.Result?] = Array(repeating: nil, count: requests.count)
    var open = Array(requests.indices)
    for temperature in options.temperatures where !open.isEmpty {
      let found = try decoder.decode(
        open.map { requests[$0] }, temperature: temperature, timestamps: timestamps)
      for (index, result) in zip(open, found) { results[index] = result }
      open = open.filter { results[$0]?.isDoubtful == true }
    }
    return results.compactMap { $0 }
  }

  /// Makes the prefixes of recordings that have none, whose sequences are live.
  private func findPrefixes(_ recordings: [Recording]) throws(Failure) {
    guard recordings.contains(where: { $0.prefix.isEmpty }) else { return }
    let isGiven = !options.languages.isEmpty
    var detected: [Int32]?
    if !isGiven, options.tokens.detects(task: options.task) {
      detected = try encoder.detectLanguages(recordings.map(\.prefix.isEmpty))
    }
    for (index, recording) in recordings.enumerated() where recording.prefix.isEmpty {
      var language = detected?[index]
      if isGiven {
        language = try options.tokens.language(
          options.languages[options.languages.count == 1 ? 0 : recording.number])
      }
      recording.prefix = try options.tokens.prefix(
        language: language, isGiven: isGiven, task: options.task, timestamps: timestamps)
      let spoken = recording.prefix.lazy.compactMap { self.options.tokens.code(of: $0) }.first
      recording.transcription.language = spoken
    }
  }

  /// Writes what was decoded of a window down, and moves to the next.
  func write(_ recording: Recording, _ decoded: Decoded, _ listener: Listener?) throws(Failure) {
    recording.decoded(at: decoded.result.window.temperature)
    guard !decoded.result.isSilent else { return move(recording, recording.frames) }
    let cuts = try cuts(of: decoded, recording)
    try write(UnsafeBufferPointer(cuts.cuts.elements), of: decoded, recording, listener)
    move(recording, cuts.advance)
  }

  /// The segments of what was decoded of a window.
  func cuts(of decoded: Decoded, _ recording: Recording) throws(Failure) -> SegmentCuts {
    let step = Double(stride * logMel.hop) / Double(logMel.rate)
    defer { withExtendedLifetime(decoded.result.hypothesis) {} }
    return try SegmentCuts(
      text(of: decoded), offset: recording.offset, frames: recording.frames,
      SegmentCuts.Clock(step: step, frames: stride, firstTimestamp: options.tokens.firstTimestamp))
  }

  /// The tokens of a window without an end token, alive as long as its hypothesis.
  func text(of decoded: Decoded) -> UnsafeBufferPointer<Int32> {
    let text = decoded.result.hypothesis.generated
    return text.last == options.tokens.end ? UnsafeBufferPointer(rebasing: text.dropLast()) : text
  }

  /// Writes segments of a window down.
  func write(
    _ cuts: UnsafeBufferPointer<SegmentCuts.Cut>, of decoded: Decoded, _ recording: Recording, _ listener: Listener?
  ) throws(Failure) {
    let hypothesis = decoded.result.hypothesis
    defer { withExtendedLifetime(hypothesis) {} }
    let text = text(of: decoded)
    let times = try times(of: hypothesis, decoded.request, recording)
    try recording.note(cuts, of: text)
    let transcription = recording.transcription
    for cut in cuts {
      try transcription.add(cut, of: text, times: UnsafeBufferPointer(times.elements), decoded.result.window) {
        (tokens, times) throws(Failure) in
        try speller.spell(tokens, times, to: cut.end, hasWords: options.wordTimes, in: transcription)
      }
      let segment = transcription.segments[transcription.segments.count - 1]
      try segment.tell(listener, recording.number, transcription)
    }
  }

  private func move(_ recording: Recording, _ frames: Int) {
    session.cancellation.advanceEnclosing(min(frames, recording.limit - recording.seek))
    recording.advance(frames)
  }

  /// The time of each generated token but an end token; none where nobody asks.
  private func times(
    of hypothesis: Hypothesis, _ request: WindowDecoder.Request, _ recording: Recording
  ) throws(Failure) -> GrowingList<Double> {
    var times = GrowingList<Double>(for: "the times of tokens")
    guard let aligner else { return times }
    let heard = max(recording.windows.realFrames - recording.seek, 0)
    let places = try aligner.places(
      UnsafeBufferPointer(hypothesis.tokens.elements), promptCount: hypothesis.promptCount, in: request.source,
      columns: min(heard, logMel.windowFrames) / stride)
    let step = Double(stride * logMel.hop) / Double(logMel.rate)
    for index in 0..<places.count { try times.append(Double(places[index]) * step + recording.offset) }
    return times
  }
}
