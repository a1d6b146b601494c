import AttendBase
import AttendModels
import AttendSounds

/// What a transducer writes of a recording, cut into segments: a segment ends behind a pause, and where it would be too
/// long at the longest pause before a word of its second half. One thread at a time.
final class TransducerSegments: FrameReader {
  private let search: TransducerSearch
  private let decoder: CTCDecoder
  private let recording: WindowedRecording
  private let padding: Int32?
  /// Whether tokens have durations, so that marks follow what they stand behind.
  private let hasDurations: Bool
  /// Frames of a pause, and of a segment at most.
  private let pause: Int
  private let longest: Int
  /// What is not written down yet.
  private var tokens = GrowingList<TransducerSearch.Token>(for: "the tokens of a segment")

  /// Marks that take the time behind the token before them: those of the reference, as UTF-8.
  private static let marks = ["?", "'", "¡", "¿", "-", ":", ",", "%", "/", ".", "!"]

  init(
    _ search: TransducerSearch, _ decoder: CTCDecoder, _ blueprint: TransducerBlueprint, of recording: WindowedRecording
  ) {
    (self.search, self.decoder, self.recording) = (search, decoder, recording)
    padding = blueprint.padding.flatMap { Int32(exactly: $0) }
    hasDurations = blueprint.durations != nil
    pause = decoder.frames(decoder.options.pause)
    longest = decoder.frames(decoder.options.longest)
  }

  func add(
    _ rows: UnsafePointer<Float>, _ count: Int, tell: (Transcription.Segment) throws(Failure) -> Void
  ) throws(Failure) {
    try search.read(rows, count) { token throws(Failure) in
      if token.id == padding { return }
      if decoder.options.skipsSpecials, decoder.vocabulary.isSpecial(Int(token.id)) { return }
      let timed = follow(token)
      if let last = tokens.elements.last, timed.start - last.end >= pause {
        try settle(tokens.count, tell)
      }
      try tokens.append(timed)
      if timed.end - tokens[0].start >= longest { try settle(place(), tell) }
    }
    if let last = tokens.elements.last, search.frames - last.end >= pause { try settle(tokens.count, tell) }
  }

  func finish(tell: (Transcription.Segment) throws(Failure) -> Void) throws(Failure) { try settle(tokens.count, tell) }

  /// The token with its times: a mark has the end of the token before it.
  private func follow(_ token: TransducerSearch.Token) -> TransducerSearch.Token {
    guard hasDurations, let before = tokens.elements.last?.end ?? lastEnd else { return token }
    let text = decoder.vocabulary.spelling(Int(token.id))
    guard TransducerSegments.marks.contains(where: { $0.utf8.elementsEqual(text) }) else { return token }
    return TransducerSearch.Token(id: token.id, start: before, end: before)
  }

  /// The end of the last token that was written down.
  private var lastEnd: Int?

  /// Behind so many tokens the segment is cut: before the word with the longest pause before it of the second half;
  /// where no word begins there, before the last token.
  private func place() -> Int {
    let half = (tokens[0].start + tokens[tokens.count - 1].end) / 2
    var (place, longest) = (0, -1)
    for index in 1..<max(tokens.count, 1) where tokens[index].start >= half {
      let pause = tokens[index].start - tokens[index - 1].end
      if decoder.vocabulary.beginsWord(Int(tokens[index].id)), pause > longest { (place, longest) = (index, pause) }
    }
    return place > 0 ? place : max(tokens.count - 1, 1)
  }

  /// Writes the first `count` tokens down and forgets them.
  private func settle(_ count: Int, _ tell: (Transcription.Segment) throws(Failure) -> Void) throws(Failure) {
    guard count > 0 else { return }
    let transcript = CTCTranscript()
    for token in tokens.elements[..<count] {
      try transcript.append(Int(token.id), token.start, token.end, decoder.vocabulary)
    }
    try transcript.finish(decoder.vocabulary)
    let left = tokens.count - count
    lastEnd = tokens[count - 1].end
    if left > 0 { tokens.storage.update(from: tokens.storage + count, count: left) }
    tokens.removeAll(from: left)
    guard !transcript.utf8.isEmpty else { return }
    let before = recording.transcription.segments.count
    try decoder.write(
      CTCDecoder.Result(transcript: transcript, meanLogProbability: .nan), from: 0, isApart: false, in: recording)
    if recording.transcription.segments.count > before { try tell(recording.transcription.segments[before]) }
  }
}
