import AttendBase

/// Leaves out combining marks.
struct StripAccents: Normalizer {
  func normalize(_ text: inout AlignedText) throws(Failure) {
    try Filter { _, properties in !properties.isMark }.normalize(&text)
  }
}

/// Leaves out white space at the ends.
struct StripWhitespace: Normalizer {
  let left: Bool
  let right: Bool

  func normalize(_ text: inout AlignedText) throws(Failure) {
    let table = UnicodeData.properties
    let (start, end) = text.bytes.withUnsafeBufferPointer { bytes in
      var start = 0, end = bytes.count
      while left, start < end {
        let (scalar, length) = UTF8Text.decode(bytes.baseAddress! + start)
        guard table[scalar].isWhitespace else { break }
        start += length
      }
      while right, end > start {
        let (scalar, length) = UTF8Text.decodeBackward(bytes.baseAddress! + end)
        guard table[scalar].isWhitespace else { break }
        end -= length
      }
      return (start, end)
    }
    guard start > 0 || end < text.bytes.count else { return }
    try text.rewrite(by: "the normalizer Strip") { writer in
      writer.drop(start)
      writer.keep(end - start)
    }
  }
}

/// Puts a text in front of one that is not empty; it takes the place of the first scalar in the source.
struct Prepend: Normalizer {
  let prefix: [UInt32]

  init(_ prefix: [UInt8]) { self.prefix = UTF8Text.scalars(prefix) }

  func normalize(_ text: inout AlignedText) throws(Failure) {
    guard !text.bytes.isEmpty, !prefix.isEmpty else { return }
    try text.rewrite(by: "the normalizer Prepend") { writer in
      writer.prepend(prefix)
      writer.keep(writer.source.count - writer.position)
    }
  }
}

/// Puts a text in the place of each match of a pattern.
struct Replace<Pattern: SplitPattern & Sendable>: Normalizer {
  let pattern: Pattern
  let content: [UInt32]

  func normalize(_ text: inout AlignedText) throws(Failure) {
    guard !text.bytes.isEmpty else { return }
    var watch = TextWatch(text.cancellation)
    try text.rewrite(by: "the normalizer Replace") { writer throws(Failure) in
      try pattern.forEachMatch(in: writer.source, 0..<writer.source.count) { match throws(Failure) in
        try watch.pass(match.lowerBound)
        writer.keep(match.lowerBound - writer.position)
        writer.drop(match.count)
        writer.insert(content)
      }
      writer.keep(writer.source.count - writer.position)
    }
  }
}

/// The cleaning of SentencePiece's "nmt" rules: controls vanish, other separators become spaces.
struct Nmt: Normalizer {
  func normalize(_ text: inout AlignedText) throws(Failure) {
    try text.rewrite(by: "the normalizer Nmt") { writer in
      while !writer.isAtEnd {
        let (scalar, length) = writer.next
        switch scalar {
        case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: writer.drop(length)
        case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
          writer.replaceNext(by: 0x20)
        default: writer.keep(length)
        }
      }
    }
  }
}

/// Spells each byte as its letter.
struct ByteLevelNormalizer: Normalizer {
  func normalize(_ text: inout AlignedText) throws(Failure) {
    try text.rewrite(by: "the normalizer ByteLevel") { writer in while !writer.isAtEnd { writer.spellNextAsBytes() } }
  }
}

extension TextRewriter {
  /// Writes scalars in front of the next one; all take its place in the source.
  mutating func prepend(_ scalars: [UInt32]) {
    guard let first = scalars.first, !isAtEnd else { return }
    let next = next.scalar
    replaceNext(by: first)
    for scalar in scalars.dropFirst() { insert(scalar) }
    insert(next)
  }

  /// Writes the letters of the bytes of the next scalar in its place.
  mutating func spellNextAsBytes() {
    let start = position
    replaceNext(by: ByteLetters.scalar(source[start]))
    for place in start + 1..<max(position, start + 1) { insert(ByteLetters.scalar(source[place])) }
  }
}
