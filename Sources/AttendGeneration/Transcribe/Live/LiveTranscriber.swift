import AttendBase
import AttendDecoding
import AttendDispatch
import AttendLayers
import AttendModels
import AttendSounds

/// The writer of a stream with a Whisper, by local agreement (Macháček et al. 2023, arXiv:2307.14743): with each step
/// what is not settled is decoded again, and the segments on which two hypotheses in a row agree are settled, if they
/// end a step before what is heard. A window that is full is settled as that of a recording is.
///
/// Features know the loudest band so far, not that of the whole recording, and windows begin elsewhere: what comes out
/// is not what the whole recording would give.
final class LiveTranscriber: LiveWriter {
  private let transcriber: Transcriber
  private let features: LogMelStream
  private let recording: Recording
  let step: Int
  /// The tokens of the segments of the last hypothesis that are not settled, without timestamps.
  private var last: [[Int32]] = []
  private var hasSettled = false

  var rate: Int { transcriber.logMel.rate }
  var hasText: Bool { transcriber.hasText }

  /// Throws `invalidArgument` for a model or options without timestamps, `unsupported` for features that need the whole
  /// recording.
  init(_ transcriber: Transcriber) throws(Failure) {
    self.transcriber = transcriber
    try transcriber.requireTimestamps("a stream has no end that is known")
    guard transcriber.options.languages.count <= 1 else {
      throw Failure(.invalidArgument, "language has \(transcriber.options.languages.count) entries for one stream")
    }
    transcriber.isLong = true
    let session = transcriber.session
    features = try LogMelStream(transcriber.logMel, threads: session.engine.threads)
    recording = try Recording(
      0, features, limit: 0, prompt: transcriber.prompt, transcriber.options, positions: session.positions ?? 448)
    step = max(Int(transcriber.options.step * Double(transcriber.logMel.rate)), transcriber.logMel.hop)
  }

  func hear(
    _ samples: UnsafePointer<Float>, _ count: Int, into transcription: Transcription, _ listener: SpeechWriter.Listener?
  ) throws(Failure) {
    try features.push(samples, count)
    // The last samples of the stream are heard with its end.
    guard count == step else { return }
    try hear(to: features.realFrames, isLast: false, into: transcription, listener)
  }

  func finish(into transcription: Transcription, _ listener: SpeechWriter.Listener?) throws(Failure) {
    try features.finish()
    try hear(to: features.realFrames, isLast: true, into: transcription, listener)
  }

  private func hear(
    to limit: Int, isLast: Bool, into transcription: Transcription, _ listener: SpeechWriter.Listener?
  ) throws(Failure) {
    recording.grow(to: limit)
    let language = recording.transcription.language
    recording.transcription = transcription
    transcription.language = language
    while !recording.isOver {
      // Of little that was heard the language is uncertain: it is told again until something is settled.
      if !hasSettled { recording.forgetPrefix() }
      guard let decoded = try transcriber.decode([recording]).first else { return }
      let isFull = recording.frames == transcriber.logMel.windowFrames
      if isLast || isFull {
        try transcriber.write(recording, decoded, listener)
        (last, hasSettled) = ([], true)
      } else {
        try agree(decoded, listener)
      }
      features.discard(before: recording.seek)
      guard isLast || isFull else { return }
    }
  }

  /// Settles the segments on which this hypothesis and the last agree.
  private func agree(_ decoded: Transcriber.Decoded, _ listener: SpeechWriter.Listener?) throws(Failure) {
    guard !decoded.result.isSilent else { return last = [] }
    let cuts = try transcriber.cuts(of: decoded, recording)
    defer { withExtendedLifetime(decoded.result.hypothesis) {} }
    let tokens = transcriber.text(of: decoded)
    let first = transcriber.options.tokens.firstTimestamp ?? .max
    let texts = (0..<cuts.cuts.count).map { index in
      tokens[cuts.cuts[index].first..<cuts.cuts[index].limit].filter { $0 < first }
    }
    let hop = Double(transcriber.logMel.hop) / Double(rate)
    let heard = Double(recording.limit) * hop - transcriber.options.step
    var count = 0
    while count < texts.count, count < last.count, texts[count] == last[count], cuts.cuts[count].end <= heard {
      count += 1
    }
    last = Array(texts[count...])
    guard count > 0 else { return }
    recording.decoded(at: decoded.result.window.temperature)
    let settled = UnsafeBufferPointer(rebasing: cuts.cuts.elements[..<count])
    try transcriber.write(settled, of: decoded, recording, listener)
    hasSettled = true
    let end = Int(((settled[count - 1].end - recording.offset) / hop).rounded())
    recording.advance(min(max(end, 1), recording.frames))
  }
}
