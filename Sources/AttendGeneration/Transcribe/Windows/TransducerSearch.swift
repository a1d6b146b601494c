import AttendBase
import AttendCheckpoints
import AttendLayers
import AttendModels
import AttendSounds

/// The greedy search of a transducer through the frames of one recording, as they come: what is most probable at a
/// frame is written, and then says which frame is looked at next. One thread at a time.
final class TransducerSearch {
  /// A token that was written, and the frames `[start, end)` that it takes.
  struct Token: BitwiseCopyable {
    let id: Int32
    let start: Int
    let end: Int
  }

  private let transducer: Transducer
  private let blank: Int32
  private let mostSymbols: Int
  private let session: Session
  private let state: Transducer.State
  private let logits: AlignedBuffer  // [outputs]
  /// The token before the first one; nil: it was read.
  private var opening: Int32?
  /// Of the recording: the frame that is looked at next, perhaps one that is still to come, and those that came.
  private var frame = 0
  private(set) var frames = 0
  /// Tokens that were written at the frame, and all of what was told, blanks too.
  private var symbols = 0
  private var told = 0

  init(_ session: Session, _ transducer: Transducer, _ blueprint: TransducerBlueprint) throws(Failure) {
    (self.session, self.transducer) = (session, transducer)
    (blank, mostSymbols) = (Int32(blueprint.blank), blueprint.mostSymbols)
    let start = session.model.generation.decoderStart ?? blueprint.blank
    guard start < transducer.tokens else {
      throw Failure(.invalidFile, "decoder_start_token_id is \(start); the vocabulary has \(transducer.tokens) ids")
    }
    opening = Int32(start)
    state = try transducer.state()
    logits = try AlignedBuffer(transducer.outputs, of: Float.self, for: "the logits of a transducer")
  }

  /// Takes `count` frames, `[count, width]`, and gives what is written of them to `write`. The loop ends even where
  /// tokens that take no time follow each other: with durations all of what is told is bounded by the frames that came,
  /// and without them what is written at one.
  func read(_ rows: UnsafePointer<Float>, _ count: Int, write: (Token) throws(Failure) -> Void) throws(Failure) {
    let pass = session.pass, first = frames
    frames += count
    let most = frames.saturatingMultiply(mostSymbols) - 1
    if let opening { try transducer.read(opening, state, pass) }
    opening = nil
    while frame < frames {
      let row = Matrix(logits.pointer(), rows: 1, columns: transducer.outputs)
      try transducer.tell(rows + (frame - first) * transducer.width, state, into: row, pass)
      try session.cancellation.check()
      let best = CTCLogits(row[0], frames: 1, vocabulary: transducer.tokens)
      let id = Int32(try best.best(0).id), step = try steps(row[0], id)
      if id != blank {
        try write(Token(id: id, start: frame, end: frame + (transducer.durations == nil ? 1 : step)))
        try transducer.read(id, state, pass)
      }
      frame += step
      told += 1
      if told >= most, transducer.durations != nil { frame = max(frame, frames) }
    }
  }

  /// The frames that the token takes, whose logits are those of a row.
  private func steps(_ row: UnsafePointer<Float>, _ id: Int32) throws(Failure) -> Int {
    guard let durations = transducer.durations else {
      symbols = id == blank ? 0 : symbols + 1
      guard id == blank || symbols >= mostSymbols else { return 0 }
      symbols = 0
      return 1
    }
    let choices = CTCLogits(row + transducer.tokens, frames: 1, vocabulary: durations.count)
    let duration = durations[try choices.best(0).id]
    return id == blank ? max(duration, 1) : duration
  }
}
