import AttendBase
import AttendCheckpoints
import AttendLayers
import AttendModels
import AttendSounds

/// The writer of what is said in recordings, with a model of some kind. All live sequences of its session are dropped
/// by each call, before and after.
package protocol SpeechWriter: AnyObject {
  /// Hears of a segment as soon as it is certain; false ends the call.
  typealias Listener = (
    _ recording: Int, _ transcription: Transcription, _ segment: Transcription.Segment
  ) throws(Failure) -> Bool

  /// Whether it writes text, and not tokens alone.
  var hasText: Bool { get }

  /// Writes down `sources`. Where the session's cancellation or the `listener` ends the call, or something fails, what
  /// there is by then is kept, and `failure` says why it is not whole.
  func transcribe(
    _ sources: [any SampleSource], listener: Listener?
  ) throws(Failure) -> (transcriptions: [Transcription], failure: Failure?)
}

/// The ways from speech to text that models know.
enum SpeechKind {
  /// Whisper: windows of a fixed length, joined by the timestamps that it writes.
  case timestamps
  /// A symbol or a blank for each frame (Graves et al. 2006).
  case ctc
  /// A text beside the frames (Graves 2012, arXiv:1211.3711): Parakeet with durations or without.
  case transducer
  /// An encoder-decoder that writes text without times: Moonshine.
  case text
}

extension Model {
  /// The way in which the model writes down what is said. Throws `unsupported` where it does not.
  func speechKind() throws(Failure) -> SpeechKind {
    if arrayReader?.input.reads == "sounds" {
      if decoder != nil, head?.tellsNextToken == true { return blueprint.family == "whisper" ? .timestamps : .text }
      if transducer != nil { return .transducer }
      if decoder == nil, case .everyToken = head?.pooling { return .ctc }
    }
    throw Failure(
      .unsupported,
      "this checkpoint is of a \(blueprint.family) model, which does not transcribe: that is done by a Whisper or a "
        + "Moonshine with its head, or by an encoder of sounds with a head for CTC or a transducer")
  }
}

extension Session {
  /// The writer for the model of this session, with the options of `call`, an object whose keys are options by name.
  ///
  /// Throws `unsupported` for a model that does not transcribe and for what its checkpoint lacks, `invalidArgument` for
  /// an option that there is none of, or that has no such value.
  package func speechWriter(_ call: Configuration?) throws(Failure) -> any SpeechWriter {
    switch try model.speechKind() {
    case .timestamps: try Transcriber(self, try TranscriptionOptions(call, model))
    case .ctc: try FrameTranscriber(self, try CTCOptions(call))
    case .transducer: try FrameTranscriber(self, try CTCOptions(call, searches: false))
    case .text: try TextTranscriber(self, try TextOptions(call, model))
    }
  }

  /// The same for what is heard while it is said.
  func liveWriter(_ call: Configuration?) throws(Failure) -> any LiveWriter {
    switch try model.speechKind() {
    case .timestamps: try LiveTranscriber(try Transcriber(self, try TranscriptionOptions(call, model, isLive: true)))
    case .ctc: try LiveWindows(try FrameTranscriber(self, try CTCOptions(call, isLive: true)))
    case .transducer:
      try LiveWindows(try FrameTranscriber(self, try CTCOptions(call, isLive: true, searches: false)))
    case .text: try LiveWindows(try TextTranscriber(self, try TextOptions(call, model, isLive: true)))
    }
  }
}

extension Transcription.Segment {
  /// Throws `cancelled` where the `listener`, if there is one, wants no more than this segment.
  func tell(
    _ listener: SpeechWriter.Listener?, _ recording: Int, _ transcription: Transcription
  ) throws(Failure) {
    if let listener, try !listener(recording, transcription, self) {
      throw Failure(.cancelled, "the call was cancelled by the segment callback")
    }
  }
}
