import AttendBase
import AttendTokenizers

/// What makes text and words of the tokens of a segment.
struct SegmentSpeller {
  /// nil: the model has none, and there is no text.
  let tokenizer: Tokenizer?
  private let tokens: SpeechTokens

  init(_ tokenizer: Tokenizer?, _ tokens: SpeechTokens) { (self.tokenizer, self.tokens) = (tokenizer, tokens) }

  /// Adds the text of `ids`, and where it `hasWords` its words: each begins with its first token, and ends where the
  /// token behind it begins, or the segment ends. `times` has one for each token.
  func spell(
    _ ids: UnsafeBufferPointer<Int32>, _ times: UnsafeBufferPointer<Double>, to end: Double, hasWords: Bool,
    in transcription: Transcription
  ) throws(Failure) {
    guard let tokenizer else { return }
    var stream = DetokenizerStream(tokenizer, skipSpecialTokens: true)
    var open: (start: Double, first: Int)?
    var pending: Double?  // of the first token of a character that is not whole
    func close(at time: Double) throws(Failure) {
      guard let (start, first) = open else { return }
      let text = Transcription.Part(first: first, limit: transcription.text.count)
      open = nil
      if !text.isEmpty { try add(start, max(time, start), text, to: transcription) }
    }
    for (place, id) in ids.enumerated() {
      let time = pending ?? (place < times.count ? times[place] : end)
      guard id < tokens.end else {
        if hasWords { try close(at: time) }
        pending = nil
        continue
      }
      let before = transcription.text.count
      let piece = try stream.add(id)
      pending = piece.isEmpty ? time : nil
      if hasWords, begins(piece), open.map({ $0.first < before }) ?? false { try close(at: time) }
      if hasWords, open == nil { open = (time, before) }
      try transcription.text.append(contentsOf: piece)
    }
    try transcription.text.append(contentsOf: try stream.finish())
    if hasWords { try close(at: end) }
  }

  /// Whether a piece of text begins a word: it begins with a space, or with a character of a script that is written
  /// without spaces, and the text before is whole.
  private func begins(_ piece: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let first = piece.first else { return false }
    return first == 0x20 || SegmentSpeller.isUnspaced(String(decoding: piece.prefix(4), as: UTF8.self))
  }

  /// Whether a text begins in a script whose words have no spaces between them: Chinese, Japanese, Thai, Lao, Khmer,
  /// Burmese; not with punctuation, which stays with the word before.
  private static func isUnspaced(_ text: String) -> Bool {
    guard let scalar = text.unicodeScalars.first?.value else { return false }
    return switch scalar {
    case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF: true
    case 0x3040...0x30FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF: true
    default: false
    }
  }

  private func add(
    _ start: Double, _ end: Double, _ text: Transcription.Part, to transcription: Transcription
  ) throws(Failure) {
    try transcription.words.append(Transcription.Word(start: start, end: end, text: text))
  }
}
