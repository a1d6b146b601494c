import AttendBase
import AttendSounds

/// What makes segments of the frames of one recording, as they come. One thread at a time.
protocol FrameReader: AnyObject {
  /// Takes `count` frames, end to end, and writes the segments down that end with them; `tell` hears of each.
  func add(
    _ rows: UnsafePointer<Float>, _ count: Int, tell: (Transcription.Segment) throws(Failure) -> Void
  ) throws(Failure)
  /// Writes down what is left at the end of the recording.
  func finish(tell: (Transcription.Segment) throws(Failure) -> Void) throws(Failure)
}

extension CTCDecoder {
  /// Writes down what was heard from the frame `first` on as a segment of a recording; `isApart`: a delimiter of words
  /// stands between it and the one before.
  func write(
    _ found: Result, from first: Int, isApart: Bool, in recording: WindowedRecording
  ) throws(Failure) {
    let transcript = found.transcript, transcription = recording.transcription
    let heard = transcript.words.isEmpty ? transcript.characters : transcript.words
    guard let opening = heard.first, let closing = heard.last else { return }
    func seconds(_ frame: Int) -> Double { clock.seconds(first + frame) }
    let separator = transcript.beginsWord ? " " : isApart ? vocabulary.delimiterText : nil
    if recording.isWritten, let separator { for byte in separator.utf8 { try transcription.text.append(byte) } }
    recording.isWritten = true
    var times = GrowingList<Double>(for: "the times of characters")
    for piece in transcript.characters { try times.append(seconds(piece.start)) }
    var window = Transcription.Window()
    window.start = clock.seconds(first)
    window.meanLogProbability = found.meanLogProbability
    let cut = SegmentCuts.Cut(
      first: 0, limit: transcript.ids.count, start: seconds(opening.start), end: seconds(closing.end))
    let letters = transcription.letters.count
    func part(_ piece: CTCTranscript.Piece) -> Transcription.Word {
      Transcription.Word(
        start: seconds(piece.start), end: seconds(piece.end),
        text: Transcription.Part(first: letters + piece.firstByte, limit: letters + piece.limitByte))
    }
    try transcription.add(cut, of: transcript.ids, times: UnsafeBufferPointer(times.elements), window) {
      (_, _) throws(Failure) in
      try transcription.text.append(contentsOf: transcript.utf8)
      guard options.wordTimes else { return }
      try transcription.letters.append(contentsOf: transcript.spelling)
      for piece in transcript.words { try transcription.words.append(part(piece)) }
      guard options.characterTimes else { return }
      for piece in transcript.characters { try transcription.characters.append(part(piece)) }
    }
  }
}
