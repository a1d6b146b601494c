import AttendBase
import AttendSounds

/// The writer of a stream that is heard in windows of samples: what comes out is what the whole recording would give
/// with the same windows.
final class LiveWindows: LiveWriter {
  private let writer: any WindowWriter
  private let recording: WindowedRecording

  var rate: Int { writer.rate }
  var hasText: Bool { writer.hasText }
  /// A tenth of a second: windows end where they do.
  var step: Int { max(rate / 10, 1) }

  init(_ writer: any WindowWriter) throws(Failure) {
    self.writer = writer
    recording = try WindowedRecording(0, nil, writer.plan, rate: writer.rate)
    writer.begin()
  }

  func hear(
    _ samples: UnsafePointer<Float>, _ count: Int, into transcription: Transcription, _ listener: SpeechWriter.Listener?
  ) throws(Failure) {
    try recording.push(samples, count)
    try hearWindows(into: transcription, listener)
  }

  func finish(into transcription: Transcription, _ listener: SpeechWriter.Listener?) throws(Failure) {
    recording.finish()
    try hearWindows(into: transcription, listener)
  }

  private func hearWindows(into transcription: Transcription, _ listener: SpeechWriter.Listener?) throws(Failure) {
    recording.transcription = transcription
    while recording.isReady { try writer.hear([recording], listener) }
  }
}
