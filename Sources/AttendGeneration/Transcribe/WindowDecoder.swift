import AttendBase
import AttendDecoding
import AttendModels

/// The decoder of windows: many at a time, each with a prompt of its own.
final class WindowDecoder {
  private let session: Session
  private let options: TranscriptionOptions
  private let compression: CompressionRatio?

  /// What was written of a window, and how well.
  struct Result {
    let hypothesis: Hypothesis
    let window: Transcription.Window
    /// Whether a threshold asks for another temperature.
    let isDoubtful: Bool
    /// Whether nobody speaks in the window.
    let isSilent: Bool
  }

  /// A window as the decoder reads it.
  struct Request {
    let source: EncodedSource
    let prompt: TokenList
    /// Seconds at which it begins.
    let start: Double
    /// The frame at which it begins.
    let seek: Int
    /// NaN: not known.
    let noSpeechProbability: Double
  }

  init(_ session: Session, _ options: TranscriptionOptions) throws(Failure) {
    (self.session, self.options) = (session, options)
    compression = try options.compressionThreshold.map { (_) throws(Failure) in
      try CompressionRatio(vocabulary: session.vocabulary)
    }
  }

  /// What is written of windows at a temperature, in their order.
  func decode(_ requests: [Request], temperature: Double, timestamps: Bool) throws(Failure) -> [Result] {
    session.drop()
    defer { session.drop() }
    var scheduling = Scheduler.Options()
    scheduling.maximalRows = max(scheduling.maximalRows, options.generation.search.beams)
    let scheduler = try Scheduler(session, scheduling)
    defer { scheduler.close() }
    var outcomes: [Ticket.Outcome?] = Array(repeating: nil, count: requests.count)
    try scheduler.generate(
      requests.count, length: { requests[$0].source.length },
      request: { (index) throws(Failure) in
        try request(requests[index], temperature: temperature, timestamps: timestamps)
      },
      finished: { index, outcome, _ in outcomes[index] = outcome })
    var results: [Result] = []
    for (request, outcome) in zip(requests, outcomes) {
      guard let best = try outcome?.get().first else { throw Failure(.internalError, "a window without an answer") }
      results.append(try judge(best, of: request, temperature: temperature))
    }
    return results
  }

  private func request(
    _ request: Request, temperature: Double, timestamps: Bool
  ) throws(Failure) -> Scheduler.Request {
    let prompt = request.prompt
    let room = (session.positions ?? .max) - prompt.count
    guard room > 0 else {
      throw Failure(
        .invalidArgument,
        "the prompt of a window has \(prompt.count) tokens; the decoder has \(session.positions ?? 0) positions")
    }
    var generation = options.generation
    generation.override(maximalNewTokens: min(max(options.mostTokens ?? room, 1), room), beams: 0, sequences: 0)
    var search = try generation.search(promptCount: prompt.count, positions: session.positions)
    search.logProbabilities = true
    search.samples = temperature > 0
    if search.samples {
      search.beams = 1
      search.sampling.temperature = temperature
      // Each window draws other numbers, whatever is in the batch beside it.
      search.sampling.seed &+= UInt64(truncatingIfNeeded: request.seek) &* 0x9E37_79B9_7F4A_7C15
    }
    search.logits.timestamps = nil
    if timestamps, let first = options.tokens.firstTimestamp {
      search.logits.timestamps = TimestampRules(
        first: first, end: options.tokens.end, latestInitial: options.latestInitial)
    }
    return Scheduler.Request(
      try SearchContext(search, prompt: prompt, source: try TokenList([]), input: request.source, model: session))
  }

  /// Says whether a text is to be doubted (Radford et al. 2022, section 4.5): it repeats itself, or is improbable.
  private func judge(_ hypothesis: Hypothesis, of request: Request, temperature: Double) throws(Failure) -> Result {
    var window = Transcription.Window()
    (window.start, window.temperature) = (request.start, temperature)
    window.noSpeechProbability = request.noSpeechProbability
    var sum = 0.0
    for index in 0..<hypothesis.logProbabilities.count { sum += Double(hypothesis.logProbabilities[index]) }
    window.meanLogProbability = sum / Double(max(hypothesis.generatedCount, 1))
    var isDoubtful = false
    if let compression, let threshold = options.compressionThreshold {
      window.compressionRatio = try compression.ratio(of: hypothesis.generated)
      isDoubtful = window.compressionRatio > threshold
    }
    let isImprobable = options.logProbabilityThreshold.map { window.meanLogProbability < $0 }
    if isImprobable == true { isDoubtful = true }
    var isSilent = false
    if let threshold = options.noSpeechThreshold {
      isSilent = request.noSpeechProbability > threshold && isImprobable ?? true
    }
    return Result(hypothesis: hypothesis, window: window, isDoubtful: isDoubtful && !isSilent, isSilent: isSilent)
  }
}
