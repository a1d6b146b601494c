import AttendBase
import AttendCheckpoints

/// Writes what was said, with its times, as subtitles (SubRip, WebVTT) or JSON, one segment after another.
package struct TranscriptWriter: ~Copyable {
  package enum Format: Sendable {
    /// SubRip: numbered cues, hh:mm:ss,mmm.
    case srt
    /// WebVTT (W3C): cues with mm:ss.mmm, and hours from the first one on.
    case webVTT
    /// An object with `segments` (`id`, `start`, `end`, `text` and, where there are any, `words` of `word`, `start`,
    /// `end` and `probability`, and `characters` of `char`, `start` and `end`), `text`, and `language` where it is
    /// known: the names of Whisper's own writer, and of transformers for characters.
    case json
  }

  /// What is a cue of subtitles.
  package enum Cues: Sendable {
    case segments
    /// Each word by itself, where a segment has words.
    case words
  }

  /// A word or a character, whose text in UTF-8 is borrowed for the call.
  package struct Word {
    package let text: UnsafeBufferPointer<UInt8>
    package let start: Double
    package let end: Double
    package let probability: Double?

    package init(_ text: UnsafeBufferPointer<UInt8>, start: Double, end: Double, probability: Double? = nil) {
      (self.text, self.start, self.end, self.probability) = (text, start, end, probability)
    }
  }

  private let format: Format
  private let cues: Cues
  private let language: String?
  private var output = GrowingList<UInt8>(for: "a transcript")
  private var whole = GrowingList<UInt8>(for: "a transcript")  // the texts of all segments, for JSON
  private var segments = 0
  private var written = 0  // cues

  package init(_ format: Format, cues: Cues = .segments, language: String? = nil) {
    (self.format, self.cues, self.language) = (format, cues, language)
  }

  /// Appends a segment, text in UTF-8, from second `start` to `end`. Throws `invalidArgument` for times that are none,
  /// `outOfMemory`.
  package mutating func append(
    _ text: UnsafeBufferPointer<UInt8>, start: Double, end: Double,
    words: some Sequence<Word> = EmptyCollection<Word>(), characters: some Sequence<Word> = EmptyCollection<Word>()
  ) throws(Failure) {
    try TranscriptTime.check(start, end)
    switch format {
    case .json:
      try beginObject(text, start, end)
      try list("words", of: "word", words)
      try list("characters", of: "char", characters)
      try add("}")
    case .srt, .webVTT:
      var hasWords = false
      if cues == .words {
        for word in words {
          try TranscriptTime.check(word.start, word.end)
          try cue(word.text, word.start, word.end)
          hasWords = true
        }
      }
      if !hasWords { try cue(text, start, end) }
    }
    segments += 1
  }

  /// The whole, in UTF-8.
  package consuming func finish() throws(Failure) -> GrowingList<UInt8> {
    switch format {
    case .srt: break
    case .webVTT: if written == 0 { try add("WEBVTT\n\n") }
    case .json:
      try add(segments == 0 ? "{\"segments\": [], \"text\": \"" : "], \"text\": \"")
      try JSON.escape(UnsafeBufferPointer(whole.elements), into: &output)
      try add("\"")
      if let language {
        try add(", \"language\": ")
        try add("\"")
        for byte in language.utf8 { try JSON.escape(byte, into: &output) }
        try add("\"")
      }
      try add("}\n")
    }
    return output
  }

  private mutating func add(_ text: String) throws(Failure) { for byte in text.utf8 { try output.append(byte) } }

  // MARK: Subtitles

  private mutating func cue(_ text: UnsafeBufferPointer<UInt8>, _ start: Double, _ end: Double) throws(Failure) {
    let time: TranscriptTime = format == .srt ? .srt : .webVTT
    if format == .webVTT, written == 0 { try add("WEBVTT\n\n") }
    written += 1
    if format == .srt { try add("\(written)\n") }
    try time.append(start, to: &output)
    try add(" --> ")
    try time.append(end, to: &output)
    try add("\n")
    try TranscriptText.appendLines(text, escaping: format == .webVTT, into: &output)
    try add("\n")
  }

  // MARK: JSON

  private mutating func beginObject(
    _ text: UnsafeBufferPointer<UInt8>, _ start: Double, _ end: Double
  ) throws(Failure) {
    try whole.append(contentsOf: text)
    try add(segments == 0 ? "{\"segments\": [" : ", ")
    try add("{\"id\": \(segments), \"start\": \(start), \"end\": \(end), \"text\": ")
    try quote(text)
  }

  /// A list of words or characters, each with its text under `key`, where there are any.
  private mutating func list(
    _ name: StaticString, of key: StaticString, _ words: some Sequence<Word>
  ) throws(Failure) {
    var count = 0
    for word in words {
      try TranscriptTime.check(word.start, word.end)
      try add(count == 0 ? ", \"\(name)\": [" : ", ")
      count += 1
      try add("{\"\(key)\": ")
      try quote(word.text)
      try add(", \"start\": \(word.start), \"end\": \(word.end)")
      if let probability = word.probability {
        guard probability.isFinite else {
          throw Failure(.invalidArgument, "the probability of a word is \(probability), expected a finite number")
        }
        try add(", \"probability\": \(probability)")
      }
      try add("}")
    }
    if count > 0 { try add("]") }
  }

  private mutating func quote(_ text: UnsafeBufferPointer<UInt8>) throws(Failure) {
    try add("\"")
    try JSON.escape(text, into: &output)
    try add("\"")
  }
}
