import AttendBase
import AttendLayers
import AttendModels
import AttendSounds

/// The writer of what is said in recordings, with an encoder and CTC (Graves et al. 2006), wav2vec 2.0 and its line, or
/// a transducer. A recording is heard in windows that overlap, whose frames are put together, as transformers'
/// pipelines do; several recordings go side by side.
final class FrameTranscriber: WindowWriter {
  let session: Session
  private let frontEnd: FrontEnd
  private let decoder: CTCDecoder
  let plan: SampleWindows.Plan
  var rate: Int { frontEnd.rate }
  /// Samples of a frame.
  private let step: Int

  var hasText: Bool { true }

  /// Throws what the model's files of sounds and symbols, and the language model of the options, give reason for.
  init(_ session: Session, _ options: CTCOptions) throws(Failure) {
    self.session = session
    frontEnd = try session.model.soundFrontEnd.get()
    guard case .sound(let embedding) = session.model.arrayReader?.input else {
      throw Failure(.internalError, "frames without an encoder of sounds")
    }
    step = max(frontEnd.hop.saturatingMultiply(embedding.hop), 1)
    plan = options.windows.plan(rate: frontEnd.rate, step: step)
    let clock = CTCTranscript.Clock(samplesPerFrame: step, rate: frontEnd.rate)
    decoder = try CTCDecoder(session, options, clock: clock)
  }

  func begin() { segments = [:] }

  /// Of the recordings of the call under way, by their numbers.
  private var segments: [Int: any FrameReader] = [:]

  private func segments(of recording: WindowedRecording) throws(Failure) -> any FrameReader {
    if let known = segments[recording.number] { return known }
    let new = try reader(of: recording)
    segments[recording.number] = new
    return new
  }

  private func reader(of recording: WindowedRecording) throws(Failure) -> any FrameReader {
    guard let transducer = session.model.transducer, let blueprint = session.model.blueprint.transducer?.value else {
      return CTCSegments(decoder, of: recording)
    }
    return TransducerSegments(
      try TransducerSearch(session, transducer, blueprint), decoder, blueprint, of: recording)
  }

  /// Hears the next window of each recording.
  func hear(_ recordings: [WindowedRecording], _ listener: Listener?) throws(Failure) {
    var (heard, windows, sounds): ([WindowedRecording], [SampleWindows.Window], [SoundArray]) = ([], [], [])
    for recording in recordings {
      guard let window = try recording.next(),
        let sound = try session.array(window, of: recording, frontEnd)
      else { continue }
      heard.append(recording)
      windows.append(window)
      sounds.append(sound)
    }
    if !heard.isEmpty {
      var arrays = GrowingList<FeatureArray>(for: "windows of sounds")
      for sound in sounds { try arrays.append(sound.array) }
      defer { withExtendedLifetime(sounds) {} }
      try session.encode(try session.batch(UnsafeBufferPointer(arrays.elements)))
      let rows =
        if let transducer = session.model.transducer { try session.encodedFrames(transducer) } else {
          try session.encodedLogits()
        }
      var row = 0
      for (index, recording) in heard.enumerated() {
        let count = try session.encodedLength(index)
        try write(windows[index], rows.rows(row, count), recording, listener)
        row += count
      }
    }
    for recording in recordings where recording.isOver {
      try segments(of: recording).finish { segment throws(Failure) in
        try segment.tell(listener, recording.number, recording.transcription)
      }
    }
  }

  /// Writes down the frames of a window that belong to it, of all its rows.
  private func write(
    _ window: SampleWindows.Window, _ rows: Matrix, _ recording: WindowedRecording, _ listener: Listener?
  ) throws(Failure) {
    // The reference counts the frames of a window by its samples, not by what the convolutions make of them.
    let frames = (Double(window.sound.count) / Double(step)).rounded(.toNearestOrEven)
    func share(_ samples: Int) -> Int {
      Int((Double(samples) / Double(window.sound.count) * frames).rounded(.toNearestOrEven))
    }
    let first = min(share(window.left), rows.rows)
    let limit = max(min(Int(frames) - share(window.right), rows.rows), first)
    session.cancellation.advanceEnclosing(window.sound.count - window.left - window.right)
    guard limit > first else { return }
    try segments(of: recording).add(rows[first], limit - first) { segment throws(Failure) in
      try segment.tell(listener, recording.number, recording.transcription)
    }
  }
}
