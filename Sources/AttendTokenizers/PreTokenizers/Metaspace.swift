import AttendBase

/// SentencePiece's view of spaces: each is the letter "▁", which begins a piece.
struct Metaspace: PreTokenizer {
  /// The pieces that get the letter in front if they do not begin with it.
  enum Prefix { case always, first, never }

  fileprivate static let name: StaticString = "the pre-tokenizer Metaspace"

  let replacement: UInt32
  let prefix: Prefix
  /// Whether the text is split in front of each replacement.
  let splits: Bool

  func apply(_ text: inout PreTokenizedText) throws(Failure) {
    let space = TextPattern(bytes: [0x20])
    let letter = spelling
    try text.replaceInPieces(space, [replacement])
    switch prefix {
    case .always: try text.prepend([replacement], by: Metaspace.name) { !$0.starts(with: letter) }
    case .first: try text.prepend([replacement], toPiecesAtStartWithout: letter)
    case .never: break
    }
    if splits { try text.split(at: TextPattern(bytes: letter), .mergedWithNext) }
  }

  private var spelling: [UInt8] {
    var bytes: [UInt8] = []
    UTF8Text.append(replacement, to: &bytes)
    return bytes
  }
}

extension PreTokenizedText {
  /// Puts scalars in the place of each match within a piece of text.
  mutating func replaceInPieces<Pattern: SplitPattern>(_ pattern: Pattern, _ content: [UInt32]) throws(Failure) {
    try rewritePieces(by: Metaspace.name) { writer, range throws(Failure) in
      try pattern.forEachMatch(in: writer.source, range) { match throws(Failure) in
        writer.keep(match.lowerBound - writer.position)
        writer.drop(match.count)
        writer.insert(content)
      }
      writer.keep(range.upperBound - writer.position)
    }
  }

  /// Puts scalars in front of the pieces whose source begins at its very start, unless they begin with `letter`.
  mutating func prepend(_ scalars: [UInt32], toPiecesAtStartWithout letter: [UInt8]) throws(Failure) {
    let end = text.bytes.withUnsafeBufferPointer { bytes in
      text.alignment.withUnsafeBufferPointer { alignment in
        pieces.first { AlignedText.source(Int($0.start), Int($0.end), bytes, alignment, base: text.base).start > 0 }.map
        { Int($0.start) } ?? bytes.count
      }
    }
    guard end > 0 else { return }
    try rewritePieces(by: Metaspace.name) { writer, range in
      if range.lowerBound < end, !writer.source[range].starts(with: letter) { writer.prepend(scalars) }
      writer.keep(range.upperBound - writer.position)
    }
  }
}
