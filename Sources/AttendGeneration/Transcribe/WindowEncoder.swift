import AttendBase
import AttendDispatch
import AttendLayers
import AttendModels
import AttendSounds

/// The encoder of windows, with the questions that are answered by the first step of the decoder: which language is
/// spoken, and whether anybody speaks.
final class WindowEncoder {
  private let session: Session
  private let logMel: LogMel
  private let options: TranscriptionOptions
  private let features: AlignedBuffer  // [mostWindows, bands, windowFrames]
  private let rows: AlignedBuffer  // [windowFrames, bands]

  /// Windows that are encoded at a time, at most.
  static let mostWindows = 8

  init(_ session: Session, _ logMel: LogMel, _ options: TranscriptionOptions) throws(Failure) {
    (self.session, self.logMel, self.options) = (session, logMel, options)
    let window = logMel.windowFrames.saturatingMultiply(logMel.bands)
    features = try AlignedBuffer(
      window.saturatingMultiply(WindowEncoder.mostWindows), of: Float.self, for: "windows of features")
    rows = try AlignedBuffer(window, of: Float.self, for: "a window of features")
  }

  /// The number of states that a window becomes.
  func stateCount() throws(Failure) -> Int {
    guard let reader = session.model.arrayReader else { throw Failure(.internalError, "a Whisper without an encoder") }
    return try reader.input.length(
      of: FeatureArray(features.pointer(), channels: logMel.bands, height: 1, width: logMel.windowFrames))
  }

  /// The states of the next windows of recordings, at most `mostWindows`, whose sequences are live then.
  func encode(_ recordings: ArraySlice<Recording>) throws(Failure) -> [EncodedSource] {
    var arrays = GrowingList<FeatureArray>(for: "windows of features")
    let size = logMel.windowFrames * logMel.bands
    for recording in recordings {
      let target: UnsafeMutablePointer<Float> = features.pointer() + arrays.count * size
      let count = try recording.windows.fill(from: recording.seek, count: recording.frames, into: rows.pointer())
      logMel.transpose(rows.pointer(), count, into: target)
      try arrays.append(FeatureArray(target, channels: logMel.bands, height: 1, width: logMel.windowFrames))
    }
    try session.encode(try session.batch(UnsafeBufferPointer(arrays.elements)))
    guard let states = session.hiddenStates else { throw Failure(.internalError, "an encoder without states") }
    var (sources, first): ([EncodedSource], Int) = ([], 0)
    for index in 0..<recordings.count {
      let length = try session.encodedLength(index)
      sources.append(try EncodedSource(copying: states.rows(first, length)))
      first += length
    }
    return sources
  }

  /// The most probable languages of the live sequences `wanted`, by their tokens.
  func detectLanguages(_ wanted: [Bool]) throws(Failure) -> [Int32] {
    let logits = try logits(behind: wanted.map { $0 ? [options.tokens.start] : [] })
    return wanted.indices.map { sequence in
      var best = options.tokens.languages[0].token
      for (_, token) in options.tokens.languages {
        let (score, most) = (logits[sequence][Int(token)], logits[sequence][Int(best)])
        if score > most || score == most && token < best { best = token }
      }
      return best
    }
  }

  /// The probability that nobody speaks, of each live sequence behind its context, at the start token.
  func noSpeechProbabilities(_ contexts: [[Int32]]) throws(Failure) -> [Double] {
    guard let token = options.tokens.noSpeech else {
      throw Failure(
        .invalidArgument, "no_speech_threshold is set, and the checkpoint has no no_timestamps_token_id")
    }
    let logits = try logits(behind: contexts.map { $0 + [options.tokens.start] })
    return contexts.indices.map { sequence in
      session.engine.logSoftmax(row: logits[sequence], count: logits.columns)
      return Exponential.exp(Double(logits[sequence][Int(token)]))
    }
  }

  /// The logits behind texts, of which some may be empty, of sequences that have read nothing before.
  private func logits(behind texts: [[Int32]]) throws(Failure) -> Session.Output {
    for sequence in 0..<session.count where session.length(sequence) > 0 { try session.truncate(sequence, to: 0) }
    var tokens = GrowingList<Int32>(for: "the first tokens of windows")
    var lengths = GrowingList<Int>(for: "the first tokens of windows")
    for text in texts {
      for token in text { try tokens.append(token) }
      try lengths.append(text.count)
    }
    let batch = try Batch(tokens: tokens.storage, lengths: lengths.storage, count: lengths.count, allowsEmpty: true)
    guard let logits = try session.decode(batch, logits: .last) else {
      throw Failure(.internalError, "a decoder without logits")
    }
    return logits
  }
}
