import AttendBase

/// SentencePiece's own normalization (Kudo and Richardson 2018, arXiv:1808.06226; its normalizer.cc): the compiled map,
/// runs of spaces become one, spaces become the letter "▁", which also stands in front of the text, or behind it.
struct SentencePieceNormalizer: Normalizer {
  /// The end at which a text gets a space that it does not have, so that its first word, or its last, is spelled as all
  /// others.
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
    map: CharacterMap?, dummy: Dummy, removesExtraSpaces: Bool, escapesSpaces: Bool, verbatim: borrowing TextList
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
        let chunk = nextChunk(writer)
        if !hasBegun, !(removesExtraSpaces && chunk.isSpace) {
          hasBegun = true
          if dummy == .prefix, isAtStart || !prefixesOnlyStart {
            writer.insert(space, sharing: chunk.range.lowerBound)
          }
        }
        let start = afterSpace ? chunk.leadingSpaces : 0
        if removesExtraSpaces {
          // Spaces at the end of the text must not be written, and one is written no later than what follows it.
          if chunk.bodyEnd > 0 {
            if pending > 0 { writer.insert(space) }
            pending = 0
            write(chunk, start..<chunk.bodyEnd, &writer)
          }
          if max(chunk.bodyEnd, start) < chunk.count { pending = 1 }
          if start < chunk.count { afterSpace = chunk.bodyEnd < chunk.count }
        } else {
          write(chunk, start..<chunk.count, &writer)
        }
        writer.drop(chunk.range.upperBound - writer.position)
      }
      // The letter at the end counts as a space, also where the text itself has it.
      if removesExtraSpaces { writer.takeBack(trailing: space) }
      if dummy == .suffix, hasBegun { writer.insert(space) }
    }
  }

  /// The next stretch of the text that is normalized as one.
  private func nextChunk(_ writer: borrowing TextRewriter) -> Chunk {
    let start = writer.position, end = writer.source.count
    func chunk(_ length: Int, _ replacement: UnsafeRawBufferPointer? = nil) -> Chunk {
      let range = start..<start + length
      return Chunk(range, replacement ?? UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: writer.source[range])))
    }
    if let (_, length) = verbatim?.longestPrefix(writer.source, start..<end) { return chunk(length) }
    if let (length, text) = map?.longest(writer.source, start..<end) { return chunk(length, text) }
    return chunk(writer.next.length)
  }

  /// Writes the scalars of a chunk with these indices.
  private func write(_ chunk: Chunk, _ indices: Range<Int>, _ writer: inout TextRewriter) {
    var index = 0
    UTF8Text.forEachScalar(repairing: chunk.text) { scalar in
      defer { index += 1 }
      guard indices.contains(index) else { return }
      let scalar = scalar == 0x20 ? space : scalar
      if writer.position < chunk.range.upperBound { writer.replaceNext(by: scalar) } else { writer.insert(scalar) }
    }
  }
}

/// A stretch of a text and what it becomes, with its spaces counted.
private struct Chunk {
  let range: Range<Int>
  let text: UnsafeRawBufferPointer
  /// Scalars of `text`.
  private(set) var count = 0
  /// Spaces before the first other scalar.
  private(set) var leadingSpaces = 0
  /// The index behind the last scalar that is no space; 0: there is none.
  private(set) var bodyEnd = 0

  init(_ range: Range<Int>, _ text: UnsafeRawBufferPointer) {
    (self.range, self.text) = (range, text)
    UTF8Text.forEachScalar(repairing: text) { scalar in
      count += 1
      if scalar != 0x20 { bodyEnd = count } else if bodyEnd == 0 { leadingSpaces = count }
    }
  }

  /// Whether it is one space and nothing else.
  var isSpace: Bool { count == 1 && bodyEnd == 0 }
}
