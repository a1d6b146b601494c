import AttendBase

/// The text of one recording, in segments with their times. Immutable once it is handed out.
package final class Transcription: @unchecked Sendable {
  /// The elements `[first, limit)` of a list.
  package struct Part: BitwiseCopyable, Sendable {
    package let first: Int
    package let limit: Int
    package var count: Int { limit - first }
    package var isEmpty: Bool { limit == first }

    package init(first: Int, limit: Int) { (self.first, self.limit) = (first, limit) }
  }

  /// A part of the text that is said between two times.
  package struct Segment: BitwiseCopyable, Sendable {
    /// Seconds from the beginning of the recording.
    package let start: Double
    package let end: Double
    /// Its part of `tokens`, timestamps among them.
    package let tokens: Part
    /// Its part of `text`.
    package let text: Part
    /// Its part of `words`.
    package let words: Part
    /// Its part of `characters`.
    package let characters: Part
    /// Of the window that it is a part of.
    package let window: Window
  }

  /// A word or a character. A word has the punctuation around it, and where tokens have them the spaces before it.
  package struct Word: BitwiseCopyable, Sendable {
    package let start: Double
    package let end: Double
    /// Its part of `spelling`.
    package let text: Part
  }

  /// What is known of the decoding of a window.
  package struct Window: BitwiseCopyable, Sendable {
    /// Seconds at which it begins.
    package internal(set) var start = 0.0
    package internal(set) var temperature = 0.0
    /// The mean over the tokens that were generated, the end token among them.
    package internal(set) var meanLogProbability = Double.nan
    /// NaN where no threshold asks for it.
    package internal(set) var compressionRatio = Double.nan
    /// NaN where no threshold asks for it.
    package internal(set) var noSpeechProbability = Double.nan
  }

  /// The code of the language, "en"; nil: the model names none.
  package internal(set) var language: String?
  /// Of all segments.
  package private(set) var tokens = GrowingList<Int32>(for: Transcription.purpose)
  /// Seconds, of each token; empty where they were not asked for.
  package private(set) var tokenTimes = GrowingList<Double>(for: Transcription.purpose)
  /// UTF-8; empty where the model has no tokenizer.
  package internal(set) var text = GrowingList<UInt8>(for: Transcription.purpose)
  package internal(set) var words = GrowingList<Word>(for: Transcription.purpose)
  /// Of a model with CTC, where they are asked for.
  package internal(set) var characters = GrowingList<Word>(for: Transcription.purpose)
  /// The characters as a model with CTC wrote them, where `text` is another; else empty.
  var letters = GrowingList<UInt8>(for: Transcription.purpose)
  /// The bytes of which words and characters are parts, until the transcription grows.
  package var spelling: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(letters.isEmpty ? text.elements : letters.elements)
  }
  package private(set) var segments = GrowingList<Segment>(for: Transcription.purpose)

  private static let purpose = "a transcription"

  init() {}

  /// Adds a segment; `times` is empty, or has one for each token. `spell` adds text and words of it.
  func add(
    _ cut: SegmentCuts.Cut, of tokens: UnsafeBufferPointer<Int32>, times: UnsafeBufferPointer<Double>, _ window: Window,
    spell: (UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Double>) throws(Failure) -> Void
  ) throws(Failure) {
    let own = UnsafeBufferPointer(rebasing: tokens[cut.first..<cut.limit])
    let ownTimes = UnsafeBufferPointer(rebasing: times.isEmpty ? times[...] : times[cut.first..<cut.limit])
    let (firstToken, firstByte) = (self.tokens.count, text.count)
    let (firstWord, firstCharacter) = (words.count, characters.count)
    try self.tokens.append(contentsOf: own)
    try tokenTimes.append(contentsOf: ownTimes)
    try spell(own, ownTimes)
    try segments.append(
      Segment(
        start: cut.start, end: cut.end, tokens: Part(first: firstToken, limit: self.tokens.count),
        text: Part(first: firstByte, limit: text.count),
        words: Part(first: firstWord, limit: words.count),
        characters: Part(first: firstCharacter, limit: characters.count), window: window))
  }
}
