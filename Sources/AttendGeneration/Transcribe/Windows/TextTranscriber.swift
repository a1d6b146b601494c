import AttendBase
import AttendCheckpoints
import AttendDecoding
import AttendLayers
import AttendModels
import AttendSounds
import AttendTokenizers

/// How to transcribe with an encoder-decoder that writes no times, of one call.
struct TextOptions {
  let windows: WindowLengths
  let generation: GenerationOptions
  /// Whether the call says how many tokens are written of a window.
  let limitsTokens: Bool

  private static let own = ["chunk_length_s", "task", "return_timestamps"]

  /// The options of `call`, an object whose keys are options by name; nil: none. What is not read here is an option of
  /// generation. `isLive`: for what is heard while it is said, with shorter windows. Throws `invalidArgument`.
  init(_ call: Configuration?, _ model: Model, isLive: Bool = false) throws(Failure) {
    do throws(Failure) {
      windows = try WindowLengths(call, length: isLive ? 10 : 30, overlaps: false)
      try CTCOptions.checkTask(call)
      if let json = call?.json["return_timestamps"], !json.isNull, json.bool == nil {
        throw Failure(
          .invalidArgument, "return_timestamps is \(json.excerpt), and a \(model.blueprint.family) writes no times")
      }
      generation = try GenerationOptions(try call?.without(TextOptions.own), model)
      limitsTokens = call.map { $0.holds("max_new_tokens") || $0.holds("max_length") } ?? false
      guard generation.search.sequences == 1 else {
        throw Failure(.invalidArgument, "num_return_sequences is set, which is no option of a transcription")
      }
    } catch { throw Failure(error.code == .invalidFile ? .invalidArgument : error.code, error.message) }
  }
}

/// The writer of what is said in recordings, with an encoder-decoder that writes no times: Moonshine (Jeffries et al.
/// 2024, arXiv:2410.15608). Windows end at quiet places, and each becomes a segment.
final class TextTranscriber: WindowWriter {
  let session: Session
  private let frontEnd: FrontEnd
  private let options: TextOptions
  let plan: SampleWindows.Plan
  var rate: Int { frontEnd.rate }
  private let resources: TextResources
  private let tokenizer: Tokenizer?

  /// Tokens of a second of speech at most: more are a loop (section 4 of the paper).
  private static let tokensPerSecond = 6.5

  var hasText: Bool { tokenizer != nil }

  init(_ session: Session, _ options: TextOptions) throws(Failure) {
    (self.session, self.options) = (session, options)
    frontEnd = try session.model.soundFrontEnd.get()
    plan = options.windows.quietPlan(rate: frontEnd.rate)
    resources = TextResources(session.model)
    tokenizer = try? session.model.tokenizer.get()
  }

  func begin() {}

  func hear(_ recordings: [WindowedRecording], _ listener: Listener?) throws(Failure) {
    for recording in recordings { try hear(recording, listener) }
  }

  /// Hears the next window of a recording.
  private func hear(_ recording: WindowedRecording, _ listener: Listener?) throws(Failure) {
    guard let window = try recording.next(), let sound = try session.array(window, of: recording, frontEnd) else {
      return
    }
    var arrays = GrowingList<FeatureArray>(for: "a window of a sound")
    try arrays.append(sound.array)
    let input = try MediaInput(copying: UnsafeBufferPointer(arrays.elements), for: session.model)
    withExtendedLifetime(sound) {}
    var generation = options.generation
    if !options.limitsTokens {
      let most = (Double(window.sound.count) / Double(frontEnd.rate) * TextTranscriber.tokensPerSecond).rounded(.up)
      generation.override(maximalNewTokens: max(Int(most), 1), beams: 0, sequences: 0)
    }
    let (found, failure) = try Generator(session, generation, resources).generate(1, input: { _ in input }) { _ in
      UnsafeBufferPointer(start: nil, count: 0)
    }
    if let failure { throw failure }
    guard let best = found[0].hypotheses.first else { throw Failure(.internalError, "a window without an answer") }
    session.cancellation.advanceEnclosing(window.sound.count)
    try write(best, of: window, in: recording, listener)
  }

  private func write(
    _ hypothesis: Hypothesis, of window: SampleWindows.Window, in recording: WindowedRecording, _ listener: Listener?
  ) throws(Failure) {
    defer { withExtendedLifetime(hypothesis) {} }
    var ids = hypothesis.generated
    if let last = ids.last, session.model.generation.end.contains(Int(last)) {
      ids = UnsafeBufferPointer(rebasing: ids.dropLast())
    }
    var about = Transcription.Window()
    let rate = Double(frontEnd.rate), transcription = recording.transcription
    about.start = Double(window.first) / rate
    var sum = 0.0
    for index in 0..<hypothesis.logProbabilities.count { sum += Double(hypothesis.logProbabilities[index]) }
    if hypothesis.logProbabilities.count > 0 { about.meanLogProbability = sum / Double(hypothesis.generatedCount) }
    let cut = SegmentCuts.Cut(
      first: 0, limit: ids.count, start: about.start, end: Double(window.first + window.sound.count) / rate)
    let text = try tokenizer.map { (tokenizer) throws(Failure) in try tokenizer.decode(ids, skipSpecialTokens: true) }
    if recording.isWritten, tokenizer != nil { try transcription.text.append(UInt8(ascii: " ")) }
    try transcription.add(cut, of: ids, times: UnsafeBufferPointer(start: nil, count: 0), about) {
      (_, _) throws(Failure) in
      try text?.withUnsafeBufferPointer { bytes throws(Failure) in try transcription.text.append(contentsOf: bytes) }
    }
    recording.isWritten = true
    try transcription.segments[transcription.segments.count - 1].tell(listener, recording.number, transcription)
  }
}
