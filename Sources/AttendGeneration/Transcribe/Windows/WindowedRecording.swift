import AttendBase
import AttendDispatch
import AttendModels
import AttendSounds

/// A recording on its way through windows of samples, which a source gives or a caller who hears it now.
final class WindowedRecording {
  let number: Int
  /// Another one where what is settled is handed over piece by piece.
  var transcription = Transcription()
  /// Whether a segment was written.
  var isWritten = false
  private let windows: SampleWindows
  /// At the model's rate; nil: samples are pushed.
  private let source: (any SampleSource)?
  private let piece: AlignedBuffer

  /// Samples that are read at once.
  private static let pieceLength = 1 << 14

  /// Throws what going back to the beginning of the `source` throws.
  init(
    _ number: Int, _ source: (any SampleSource)?, _ plan: SampleWindows.Plan, rate: Int
  ) throws(Failure) {
    self.number = number
    self.source = try source.map { (source) throws(Failure) in try ResampledSource.source(source, at: rate) }
    windows = try SampleWindows(plan, rate: rate)
    piece = try AlignedBuffer(WindowedRecording.pieceLength, of: Float.self, for: "a piece of a recording")
    try self.source?.rewind()
  }

  var isOver: Bool { windows.isOver }
  /// Whether enough samples were pushed for the next window, or the last.
  var isReady: Bool { windows.isReady }

  /// Whether samples are pushed, and no source is read.
  var isPushed: Bool { source == nil }

  /// What messages call it.
  var name: String { source?.name ?? "the stream" }

  /// The number of samples, where it is known.
  var samples: Int { source?.count ?? 0 }

  func push(_ samples: UnsafePointer<Float>, _ count: Int) throws(Failure) { try windows.push(samples, count) }

  func finish() { windows.finish() }

  /// The next window, for which the source is read; nil: there is none, or none yet.
  func next() throws(Failure) -> SampleWindows.Window? {
    while true {
      if let window = try windows.next() { return window }
      guard let source, !windows.isOver else { return nil }
      let got = try source.read(WindowedRecording.pieceLength, into: piece.pointer())
      try windows.push(piece.pointer(), got)
      if got < WindowedRecording.pieceLength { windows.finish() }
    }
  }
}

/// A writer that hears recordings in windows of samples.
protocol WindowWriter: SpeechWriter {
  var session: Session { get }
  /// How recordings are cut, at this rate.
  var plan: SampleWindows.Plan { get }
  var rate: Int { get }

  /// Forgets the recordings before.
  func begin()
  /// Hears the next window of each recording that has one, and writes down what that settles.
  func hear(_ recordings: [WindowedRecording], _ listener: Listener?) throws(Failure)
}

extension WindowWriter {
  package func transcribe(
    _ sources: [any SampleSource], listener: Listener?
  ) throws(Failure) -> (transcriptions: [Transcription], failure: Failure?) {
    guard !sources.isEmpty else { throw Failure(.invalidArgument, "there is no recording to transcribe") }
    var recordings: [WindowedRecording] = []
    for (number, source) in sources.enumerated() {
      recordings.append(try WindowedRecording(number, source, plan, rate: rate))
    }
    begin()
    let failure = session.withoutMaps { () throws(Failure) in
      let work = recordings.reduce(0) { $0.saturatingAdd($1.samples) }
      try session.cancellation.enclose(work: work) { () throws(Failure) in
        var open = recordings
        while !open.isEmpty {
          for first in stride(from: 0, to: open.count, by: WindowEncoder.mostWindows) {
            try hear(Array(open[first..<min(first + WindowEncoder.mostWindows, open.count)]), listener)
            try session.cancellation.check()
          }
          open.removeAll(where: \.isOver)
        }
      }
    }
    return (recordings.map(\.transcription), failure)
  }
}

extension Session {
  /// Runs a call that keeps neither attention maps nor sequences, and gives what it failed with.
  func withoutMaps(_ body: () throws(Failure) -> Void) -> Failure? {
    let records = recordsAttentions
    recordAttentions(false)
    defer {
      recordAttentions(records)
      drop()
    }
    do throws(Failure) { try body() } catch { return error }
    return nil
  }

  /// A window as the model reads it; nil for an end that is too short to be heard.
  func array(
    _ window: SampleWindows.Window, of recording: WindowedRecording, _ frontEnd: FrontEnd
  ) throws(Failure) -> SoundArray? {
    do throws(Failure) {
      let sound = try SoundArray(window.sound, frontEnd, named: recording.name, threads: engine.threads)
      _ = try model.states(of: sound.array)
      return sound
    } catch {
      guard error.code == .invalidArgument, recording.isOver, window.first > 0 || recording.isPushed else {
        throw Failure(error.code, "recording \(recording.number): \(error.message)")
      }
      return nil
    }
  }
}
