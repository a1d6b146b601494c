import AttendBase
import AttendCheckpoints
import AttendModels
import AttendSounds

/// A writer of what somebody says while he says it, at the model's rate.
protocol LiveWriter: AnyObject {
  var rate: Int { get }
  var hasText: Bool { get }
  /// Samples that are heard at a time, whatever the pieces are in which they come; what is left over is heard with the
  /// end.
  var step: Int { get }

  /// Hears `count` samples, `step` or fewer of them at the end, and writes down what they settle.
  func hear(
    _ samples: UnsafePointer<Float>, _ count: Int, into transcription: Transcription, _ listener: SpeechWriter.Listener?
  ) throws(Failure)

  /// Writes down the rest.
  func finish(into transcription: Transcription, _ listener: SpeechWriter.Listener?) throws(Failure)
}

/// What is said while somebody speaks: fed with pieces of samples, it gives the segments that are settled. They do not
/// depend on the sizes of the pieces, and memory is that of a window. One thread at a time.
package final class SpeechStream {
  /// Samples in a second of the pieces.
  package let rate: Int
  package let session: Session
  private let writer: any LiveWriter
  private let resampler: Resampler?
  private var waiting = GrowingList<Float>(for: "the samples of a stream")  // at the model's rate
  private let piece: AlignedBuffer
  private let listener: SpeechWriter.Listener?
  /// Whether the end was told, or something failed.
  private var isOver = false

  /// Samples of a piece that are read at once.
  private static let pieceLength = 1 << 14

  /// Whether text is written, and not tokens alone.
  package var hasText: Bool { writer.hasText }

  /// Throws what `Session.speechWriter` throws, and `invalidArgument` for a rate that no sound has.
  package init(
    _ session: Session, rate: Int, _ call: Configuration?, listener: SpeechWriter.Listener?
  ) throws(Failure) {
    (self.session, self.rate, self.listener) = (session, rate, listener)
    writer = try session.liveWriter(call)
    resampler = rate == writer.rate ? nil : try Resampler(from: rate, to: writer.rate)
    piece = try AlignedBuffer(SpeechStream.pieceLength, of: Float.self, for: "a piece of a stream")
  }

  /// Hears the samples of `source`. What they settle is given, also where it fails; behind a failure there is nothing
  /// more to hear. Throws `invalidState` after the end or a failure, `invalidArgument` for another rate.
  package func feed(_ source: any SampleSource) throws(Failure) -> (settled: Transcription, failure: Failure?) {
    guard source.rate == rate else {
      throw Failure(
        .invalidArgument, "\(source.name) has \(source.rate) samples a second; the stream was made for \(rate)")
    }
    return try call { (transcription) throws(Failure) in
      var got = SpeechStream.pieceLength
      while got == SpeechStream.pieceLength {
        got = try source.read(SpeechStream.pieceLength, into: piece.pointer())
        if let resampler {
          try resampler.push(piece.pointer(), got, into: &waiting)
        } else {
          try waiting.append(contentsOf: UnsafeBufferPointer(start: piece.pointer(), count: got))
        }
        try hearSteps(into: transcription)
      }
    }
  }

  /// Ends the stream, and gives what was not settled. Throws `invalidState` after the end or a failure.
  package func finish() throws(Failure) -> (settled: Transcription, failure: Failure?) {
    try call { (transcription) throws(Failure) in
      try resampler?.finish(into: &waiting)
      try hearSteps(into: transcription)
      if waiting.count > 0 { try writer.hear(waiting.storage, waiting.count, into: transcription, listener) }
      waiting.removeAll()
      try writer.finish(into: transcription, listener)
      isOver = true
    }
  }

  private func call(
    _ body: (Transcription) throws(Failure) -> Void
  ) throws(Failure) -> (settled: Transcription, failure: Failure?) {
    guard !isOver else { throw Failure(.invalidState, "the stream is over: its end was told, or a call failed") }
    let settled = Transcription()
    let failure = session.withoutMaps { () throws(Failure) in
      try session.cancellation.enclose(work: 0) { () throws(Failure) in
        try body(settled)
        try session.cancellation.check()
      }
    }
    isOver = isOver || failure != nil
    return (settled, failure)
  }

  /// Hears the whole steps among what waits.
  private func hearSteps(into transcription: Transcription) throws(Failure) {
    var heard = 0
    while waiting.count - heard >= writer.step {
      try writer.hear(waiting.storage + heard, writer.step, into: transcription, listener)
      heard += writer.step
    }
    let left = waiting.count - heard
    if heard > 0, left > 0 { waiting.storage.update(from: waiting.storage + heard, count: left) }
    waiting.removeAll(from: left)
  }
}
