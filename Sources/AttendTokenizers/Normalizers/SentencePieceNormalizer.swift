import AttendBase

/// SentencePiece's own normalization (Kudo and Richardson 2018, arXiv:1808.06226; its normalizer.cc): the compiled map,
/// runs of spaces become one, spaces become the letter "▁", which also stands in front of the text, or behind it.
struct SentencePieceNormalizer: Normalizer {
  /// Where a text gets a space that it does not have, so that its first word, or its last, is spelled as all others.
  enum Dummy { case none, prefix, suffix }

  private let map: CharacterMap?
  private let dummy: Dummy
  private let removesExtraSpaces: Bool
  private let space: UInt32
  /// Texts that pass as they are.
  private let verbatim: DoubleArray?
  /// The prefix goes in front of the start of the source alone, not of what follows an added token.
  var prefixesOnlyStart = false

  private static let letter: UInt32 = 0x2581

  init(
    map: CharacterMap?, dummy: Dummy, removesExtraSpaces: Bool, escapesSpaces: Bool, verbatim: [[UInt8]]
  ) throws(Failure) {
    self.map = map
    self.dummy = dummy
    self.removesExtraSpaces = removesExtraSpaces
    self.space = escapesSpaces ? SentencePieceNormalizer.letter : 0x20
    self.verbatim = verbatim.isEmpty ? nil : try DoubleArray(texts: verbatim)
  }

  func normalize(_ text: inout AlignedText) throws(Failure) {
    let isAtStart = text.base == 0
    try text.rewrite(by: "SentencePiece's normalizer") { writer in
      var afterSpace = removesExtraSpaces
      var hasBegun = false  // something else than a space to leave out has been read
      var pending = 0  // spaces that are written when something follows them
      while !writer.isAtEnd {
        let (range, replacement) = nextChunk(writer)
        var scalars =
          replacement.map { UTF8Text.scalars(UTF8Text.repaired(Array($0))) }
          ?? UTF8Text.scalars(Array(writer.source[range]))
        if !hasBegun, !(removesExtraSpaces && scalars == [0x20]) {
          hasBegun = true
          if dummy == .prefix, isAtStart || !prefixesOnlyStart { writer.insert(space, sharing: range.lowerBound) }
        }
        if afterSpace { scalars.removeFirst(scalars.prefix { $0 == 0x20 }.count) }
        if removesExtraSpaces {
          // Spaces at the end of the text must not be written, and one is written no later than what follows it.
          let body = scalars.lastIndex { $0 != 0x20 }.map { $0 + 1 } ?? 0
          if body > 0, pending > 0 { writer.insert(space) }
          if body > 0 { pending = 0 }
          write(scalars[..<body], range, &writer)
          if body < scalars.count { pending = 1 }
          if !scalars.isEmpty { afterSpace = scalars[scalars.count - 1] == 0x20 }
        } else {
          write(scalars[...], range, &writer)
        }
        writer.drop(range.upperBound - writer.position)
      }
      // The letter at the end counts as a space, also where the text itself has it.
      if removesExtraSpaces { writer.takeBack(trailing: space) }
      if dummy == .suffix, hasBegun { writer.insert(space) }
    }
  }

  /// The next stretch of the text that is normalized as one, and what it becomes; nil: it stays.
  private func nextChunk(_ writer: borrowing TextRewriter) -> (Range<Int>, ArraySlice<UInt8>?) {
    let start = writer.position, end = writer.source.count
    if let (_, length) = verbatim?.longestPrefix(writer.source, start..<end) { return (start..<start + length, nil) }
    if let (length, text) = map?.longest(writer.source, start..<end) { return (start..<start + length, text) }
    return (start..<start + writer.next.length, nil)
  }

  private func write(_ scalars: ArraySlice<UInt32>, _ range: Range<Int>, _ writer: inout TextRewriter) {
    for scalar in scalars {
      let scalar = scalar == 0x20 ? space : scalar
      if writer.position < range.upperBound { writer.replaceNext(by: scalar) } else { writer.insert(scalar) }
    }
  }
}
