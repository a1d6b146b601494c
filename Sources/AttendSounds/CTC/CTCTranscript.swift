import AttendBase

/// A text that was heard, with the frames of its characters and words.
package final class CTCTranscript {
  /// A character or a word, and the frames `[start, end)` in which it is heard. A character ends where the next
  /// different symbol begins, be it the blank.
  package struct Piece: BitwiseCopyable {
    package let start: Int
    package let end: Int
    /// Its text, the bytes `[firstByte, limitByte)` of `spelling`.
    package let firstByte: Int
    package let limitByte: Int
  }

  /// Samples between two frames of the model (`inputs_to_logits_ratio`), and samples in a second.
  package struct Clock: Sendable {
    /// Samples from the beginning of one frame to that of the next.
    package let samplesPerFrame: Int
    package let rate: Int

    package init(samplesPerFrame: Int, rate: Int) { (self.samplesPerFrame, self.rate) = (samplesPerFrame, rate) }

    /// The second at which a frame begins.
    package func seconds(_ frame: Int) -> Double {
      Double(frame.saturatingMultiply(samplesPerFrame)) / Double(max(rate, 1))
    }
  }

  private var letters = GrowingList<UInt8>(for: "a transcript")  // of the pieces, as they were heard
  private var written = GrowingList<UInt8>(for: "a transcript")  // without spaces at the ends
  private var symbols = GrowingList<Int32>(for: "a transcript")  // of the characters
  private var allCharacters = GrowingList<Piece>(for: "a transcript")
  private var allWords = GrowingList<Piece>(for: "a transcript")

  /// The text in UTF-8, alive as long as this object.
  package var utf8: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(written.elements) }
  package var text: String { String(decoding: written.elements, as: UTF8.self) }
  /// The symbols of the characters, alive as long as this object.
  package var ids: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(symbols.elements) }
  /// The texts of the characters one after the other, of which pieces are parts; alive as long as this object.
  package var spelling: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(letters.elements) }
  /// Characters and words in their order, alive as long as this object.
  package var characters: UnsafeBufferPointer<Piece> { UnsafeBufferPointer(allCharacters.elements) }
  package var words: UnsafeBufferPointer<Piece> { UnsafeBufferPointer(allWords.elements) }

  /// The text of a character or a word of this transcript.
  package func text(of piece: Piece) -> String {
    String(decoding: letters.elements[piece.firstByte..<piece.limitByte], as: UTF8.self)
  }

  package init() {}

  /// Appends a symbol, heard in the frames `[start, end)`.
  package func append(_ id: Int, _ start: Int, _ end: Int, _ vocabulary: CTCVocabulary) throws(Failure) {
    let first = letters.count
    defer { withExtendedLifetime(vocabulary) {} }
    try letters.append(contentsOf: vocabulary.text(id))
    try symbols.append(Int32(id))
    try allCharacters.append(Piece(start: start, end: end, firstByte: first, limitByte: letters.count))
    guard id != vocabulary.delimiter else {
      isInWord = false
      return
    }
    let beginsWord = vocabulary.symbol(id).beginsWord
    if beginsWord { isInWord = false }
    if allCharacters.count == 1 { self.beginsWord = beginsWord }
    if isInWord {
      let word = allWords.removeLast()
      try allWords.append(Piece(start: word.start, end: end, firstByte: word.firstByte, limitByte: letters.count))
    } else {
      // A piece that begins a word has its space before it.
      let letter = first + (beginsWord ? 1 : 0)
      try allWords.append(Piece(start: start, end: end, firstByte: letter, limitByte: letters.count))
      isInWord = true
    }
  }

  private var isInWord = false
  /// Whether the first symbol begins a word, where words have no delimiter.
  package private(set) var beginsWord = false

  /// Writes the text itself, once all symbols are there.
  package func finish(_ vocabulary: CTCVocabulary) throws(Failure) {
    var (first, limit) = (0, letters.count)
    while first < limit, letters[first] <= UInt8(ascii: " ") { first += 1 }
    while first < limit, letters[limit - 1] <= UInt8(ascii: " ") { limit -= 1 }
    try written.append(contentsOf: UnsafeBufferPointer(rebasing: letters.elements[first..<limit]))
    guard vocabulary.cleansSpaces else { return }
    for mark in CTCTranscript.marksWithoutSpace { clean(mark) }
  }

  /// What the reference's `clean_up_tokenization` takes a space away before, one after the other; after the lone
  /// apostrophe too.
  private static let marksWithoutSpace = [" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're"]

  /// Takes away the spaces of each `mark` in the text.
  private func clean(_ mark: String) {
    var mark = mark
    mark.withUTF8 { mark in
      let bytes = written.elements
      var (from, to) = (0, 0)
      while from < bytes.count {
        let isMark = bytes.count - from >= mark.count && bytes[from..<from + mark.count].elementsEqual(mark)
        for byte in isMark ? mark : UnsafeBufferPointer(rebasing: bytes[from...from]) {
          if isMark, byte == UInt8(ascii: " ") { continue }
          bytes[to] = byte
          to += 1
        }
        from += isMark ? mark.count : 1
      }
      written.removeAll(from: to)
    }
  }
}
