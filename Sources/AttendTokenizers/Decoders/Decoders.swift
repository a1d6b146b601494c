import AttendBase

/// Letters of bytes become bytes again; a token with other letters stands for its own UTF-8. Bytes that are not UTF-8
/// become U+FFFD.
struct ByteLevelDecoder: Decoder {
  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    var text: [UInt8] = []
    for token in tokens { text.append(contentsOf: ByteLetters.bytes(token) ?? token) }
    tokens = [UTF8Text.repaired(text)]
  }
}

/// Tokens that do not go on a word get a space in front.
struct WordPieceDecoder: Decoder {
  let prefix: [UInt8]
  /// Spaces that English does not write vanish.
  let cleansUp: Bool

  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    for index in tokens.indices {
      if index > 0 {
        if tokens[index].starts(with: prefix) {
          tokens[index].removeFirst(prefix.count)
        } else {
          tokens[index].insert(0x20, at: 0)
        }
      }
      if cleansUp { tokens[index] = try EnglishCleanup.apply(tokens[index], &budget) }
    }
  }
}

/// Takes back the spaces that BERT's splitting puts around punctuation and contractions.
enum EnglishCleanup {
  private static let rules: [([UInt8], [UInt8])] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

  static func apply(_ text: [UInt8], _ budget: inout DecodingBudget) throws(Failure) -> [UInt8] {
    guard text.contains(0x20) else { return text }
    var result = text
    for (spaced, plain) in rules {
      result = try result.replacing(TextPattern(bytes: spaced), by: plain, "the decoder's cleanup", &budget)
    }
    return result
  }
}

extension [UInt8] {
  /// The text with each match replaced, by the component of that name.
  func replacing<Pattern: SplitPattern>(
    _ pattern: Pattern, by content: [UInt8], _ component: StaticString, _ budget: inout DecodingBudget
  ) throws(Failure) -> [UInt8] {
    try withUnsafeBufferPointer { text throws(Failure) in
      var result: [UInt8] = []
      var place = 0
      try pattern.forEachMatch(in: text, 0..<text.count) { match throws(Failure) in
        try budget.spend(content.count, by: component)
        result.append(contentsOf: text[place..<match.lowerBound])
        result.append(contentsOf: content)
        place = match.upperBound
      }
      return result + text[place...]
    }
  }
}

/// The letter of `Metaspace` becomes a space again, and vanishes in the first token.
struct MetaspaceDecoder: Decoder {
  let replacement: [UInt8]
  let dropsInFirst: Bool

  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    for index in tokens.indices {
      tokens[index] = try tokens[index].replacing(
        TextPattern(bytes: replacement), by: index == 0 && dropsInFirst ? [] : [0x20], "the decoder Metaspace", &budget)
    }
  }
}

/// The mark of the end of a word becomes a space, and vanishes in the last token.
struct BytePairDecoder: Decoder {
  let suffix: [UInt8]

  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    for index in tokens.indices {
      tokens[index] = try tokens[index].replacing(
        TextPattern(bytes: suffix), by: index == tokens.count - 1 ? [] : [0x20], "the decoder BPEDecoder", &budget)
    }
  }
}

/// Tokens such as <0x0A> become bytes. A run of them that is not UTF-8 becomes one U+FFFD for each.
struct ByteFallbackDecoder: Decoder {
  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    var result: [[UInt8]] = []
    var run: [UInt8] = []
    func flush() {
      guard !run.isEmpty else { return }
      if run.withUnsafeBytes({ UTF8Text.validPrefix($0) }) == run.count {
        result.append(run)
      } else {
        result += run.map { _ in UTF8Text.replacement }
      }
      run = []
    }
    for token in tokens {
      if let byte = ByteFallbackDecoder.byte(token) {
        run.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    tokens = result
  }

  /// The byte that a token such as <0x0A> stands for.
  static func byte(_ token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: Array("<0x".utf8)), token[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }
}

/// All tokens become one.
struct FuseDecoder: Decoder {
  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    tokens = [Array(tokens.joined())]
  }
}

/// Up to so many of one character vanish at the start and the end of each token.
struct StripDecoder: Decoder {
  let content: [UInt8]
  let start: Int
  let stop: Int

  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    for index in tokens.indices {
      var token = tokens[index][...]
      for _ in 0..<start where token.starts(with: content) { token.removeFirst(content.count) }
      for _ in 0..<stop where token.reversed().starts(with: content.reversed()) { token.removeLast(content.count) }
      tokens[index] = Array(token)
    }
  }
}

/// Matches of a pattern in each token are replaced.
struct ReplaceDecoder<Pattern: SplitPattern & Sendable>: Decoder {
  let pattern: Pattern
  let content: [UInt8]

  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    for index in tokens.indices {
      tokens[index] = try tokens[index].replacing(pattern, by: content, "the decoder Replace", &budget)
    }
  }
}

/// The tokens of connectionist temporal classification (Graves et al. 2006): repetitions are one, the padding vanishes.
struct CTCDecoder: Decoder {
  private static let name: StaticString = "the decoder CTC"

  let padding: [UInt8]
  let delimiter: [UInt8]
  let cleansUp: Bool

  func decode(_ tokens: inout [[UInt8]], _ budget: inout DecodingBudget) throws(Failure) {
    var result: [[UInt8]] = []
    var previous: [UInt8]?
    for token in tokens where token != previous {
      previous = token
      var text = try token.replacing(TextPattern(bytes: padding), by: [], CTCDecoder.name, &budget)
      if cleansUp {
        text = try EnglishCleanup.apply(text, &budget).replacing(
          TextPattern(bytes: delimiter), by: [0x20], CTCDecoder.name, &budget)
      }
      if !text.isEmpty { result.append(text) }
    }
    tokens = result
  }
}
