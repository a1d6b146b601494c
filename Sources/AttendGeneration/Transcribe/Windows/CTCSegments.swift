import AttendBase
import AttendSounds

/// The frames of a recording as a model with CTC hears them, cut into segments: a segment ends behind a pause, and
/// where it would be too long at the longest pause in its second half, or where symbols change. It is then decoded
/// whole, so that memory is that of a segment, and what comes out does not depend on how many frames come at a time.
/// One thread at a time.
final class CTCSegments: FrameReader {
  private let vocabulary: CTCVocabulary
  private let decoder: CTCDecoder
  private let recording: WindowedRecording
  private var transcription: Transcription { recording.transcription }
  /// Frames of a pause, and of a segment at most.
  private let pause: Int
  private let longest: Int

  private var rows = GrowingList<Float>(for: "the frames of a segment")  // [best.count, vocabulary]
  private var best = GrowingList<Int32>(for: "the frames of a segment")  // the most probable symbols
  /// The number of the first frame that is kept.
  private var first = 0
  /// The last frames without a symbol, and whether a delimiter is among them.
  private var run = Run()
  private var hasSymbol = false
  /// Whether a delimiter stands between the next segment and the one before.
  private var isApart = false

  /// What a symbol is in a text.
  private enum Kind {
    case blank
    case delimiter
    case symbol
  }

  private func kind(_ id: Int32) -> Kind {
    Int(id) == vocabulary.blank ? .blank : Int(id) == vocabulary.delimiter ? .delimiter : .symbol
  }

  /// Neighbouring frames without a symbol.
  private struct Run {
    var count = 0
    var hasDelimiter = false

    mutating func add(_ kind: Kind) {
      self = kind == .symbol ? Run() : Run(count: count + 1, hasDelimiter: hasDelimiter || kind == .delimiter)
    }
  }

  init(_ decoder: CTCDecoder, of recording: WindowedRecording) {
    (self.decoder, self.recording, vocabulary) = (decoder, recording, decoder.vocabulary)
    pause = decoder.frames(decoder.options.pause)
    longest = decoder.frames(decoder.options.longest)
  }

  /// Takes the logits of `count` frames, `[count, vocabulary]`, and writes the segments down that end with them; `tell`
  /// hears of each.
  func add(
    _ logits: UnsafePointer<Float>, _ count: Int, tell: (Transcription.Segment) throws(Failure) -> Void
  ) throws(Failure) {
    let width = vocabulary.count
    for frame in 0..<count {
      let row = logits + frame * width
      let id = Int32(try CTCLogits(row, frames: 1, vocabulary: width).best(0).id), kind = kind(id)
      try rows.append(contentsOf: UnsafeBufferPointer(start: row, count: width))
      try best.append(id)
      run.add(kind)
      hasSymbol = hasSymbol || kind == .symbol
      if run.count >= pause, run.hasDelimiter || vocabulary.delimiter == nil || !hasSymbol {
        try settle(best.count, isApart: run.hasDelimiter, tell)
      } else if best.count == longest {
        let cut = place()
        try settle(cut.frame, isApart: cut.isApart, tell)
      }
    }
  }

  /// Writes down what is left at the end of the recording.
  func finish(tell: (Transcription.Segment) throws(Failure) -> Void) throws(Failure) {
    try settle(best.count, isApart: false, tell)
  }

  /// The end of the longest pause in the second half of what is kept, one with a delimiter if there is any; without a
  /// pause the last change of symbols there; the end of all where there is none either.
  private func place() -> (frame: Int, isApart: Bool) {
    var (longest, frame, current) = (Run(), best.count, Run())
    for index in best.count / 2..<best.count {
      current.add(kind(best[index]))
      let isBetter =
        current.hasDelimiter == longest.hasDelimiter ? current.count > longest.count : current.hasDelimiter
      if isBetter { (longest, frame) = (current, index + 1) }
    }
    guard longest.count == 0 else { return (frame, longest.hasDelimiter) }
    let change = (max(best.count / 2, 1)..<best.count).last { best[$0] != best[$0 - 1] }
    return (change ?? best.count, false)
  }

  /// Decodes the first `count` frames and forgets them.
  private func settle(
    _ count: Int, isApart: Bool, _ tell: (Transcription.Segment) throws(Failure) -> Void
  ) throws(Failure) {
    let before = transcription.segments.count
    if hasSymbol, best.elements[..<count].contains(where: { kind($0) == .symbol }) {
      let found = try decoder.decode(rows.storage, count)
      if !found.transcript.utf8.isEmpty {
        try decoder.write(found, from: first, isApart: self.isApart, in: recording)
      }
      self.isApart = isApart
    } else {
      self.isApart = self.isApart || isApart
    }
    forget(count)
    if transcription.segments.count > before { try tell(transcription.segments[before]) }
  }

  private func forget(_ count: Int) {
    let left = best.count - count
    if count > 0, left > 0 {
      rows.storage.update(from: rows.storage + count * vocabulary.count, count: left * vocabulary.count)
      best.storage.update(from: best.storage + count, count: left)
    }
    rows.removeAll(from: left * vocabulary.count)
    best.removeAll(from: left)
    first += count
    hasSymbol = best.elements.contains { kind($0) == .symbol }
    run = Run()
    for id in best.elements { run.add(kind(id)) }
  }
}
