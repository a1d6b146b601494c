import AttendBase

/// Letters of bytes become bytes again; a token with other letters stands for its own UTF-8. Bytes that are not UTF-8
/// become U+FFFD.
struct ByteLevelDecoder: Decoder {
  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    try tokens.rewrite { _, token, result throws(Failure) in
      if ByteLetters.areLetters(token) {
        try ByteLetters.forEachByte(token) { byte throws(Failure) in try result.write(byte) }
      } else {
        try result.write(token)
      }
    }
    try tokens.repair()
  }
}

/// Tokens that do not go on a word get a space in front.
struct WordPieceDecoder: Decoder {
  let prefix: [UInt8]
  /// Spaces that English does not write vanish.
  let cleansUp: Bool

  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    var replacer = TextReplacer()
    try tokens.rewrite { index, token, result throws(Failure) in
      let goesOn = index > 0 && token.starts(with: prefix)
      let rest = goesOn ? UnsafeBufferPointer(rebasing: token[prefix.count...]) : token
      if index > 0, !goesOn { try result.write(0x20) }
      try result.append(rest)
    }
    guard cleansUp else { return }
    try tokens.rewrite { _, token, result throws(Failure) in
      try replacer.set(token)
      try EnglishCleanup.apply(&replacer, &budget)
      try result.append(replacer.result)
    }
  }
}

/// Takes back the spaces that BERT's splitting puts around punctuation and contractions.
enum EnglishCleanup {
  private static let rules: [(TextPattern, [UInt8])] = [
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
  ].map { (TextPattern(bytes: Array($0.0.utf8)), Array($0.1.utf8)) }

  static func apply(_ text: inout TextReplacer, _ budget: inout DecodingBudget) throws(Failure) {
    guard text.result.contains(0x20) else { return }
    for (spaced, plain) in rules { try text.replace(spaced, by: plain, "the decoder's cleanup", &budget) }
  }
}

extension TextList {
  /// Replaces each match in each text, by the component of that name; `content` may depend on the text's index.
  mutating func replace<Pattern: SplitPattern>(
    _ pattern: Pattern, _ component: StaticString, _ budget: inout DecodingBudget, by content: (Int) -> [UInt8]
  ) throws(Failure) {
    var replacer = TextReplacer()
    try rewrite { index, text, result throws(Failure) in
      try replacer.set(text)
      try replacer.replace(pattern, by: content(index), component, &budget)
      try result.append(replacer.result)
    }
  }
}

/// The letter of `Metaspace` becomes a space again, and vanishes in the first token.
struct MetaspaceDecoder: Decoder {
  let replacement: [UInt8]
  let dropsInFirst: Bool

  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    try tokens.replace(TextPattern(bytes: replacement), "the decoder Metaspace", &budget) {
      $0 == 0 && dropsInFirst ? [] : [0x20]
    }
  }
}

/// The mark of the end of a word becomes a space, and vanishes in the last token.
struct BytePairDecoder: Decoder {
  let suffix: [UInt8]

  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    let last = tokens.count - 1
    try tokens.replace(TextPattern(bytes: suffix), "the decoder BPEDecoder", &budget) { $0 == last ? [] : [0x20] }
  }
}

/// Tokens such as <0x0A> become bytes. A run of them that is not UTF-8 becomes one U+FFFD for each.
struct ByteFallbackDecoder: Decoder {
  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    let last = tokens.count - 1
    var run = GrowingList<UInt8>(for: "the bytes of tokens")
    try tokens.rewrite { index, token, result throws(Failure) in
      let byte = ByteFallbackDecoder.byte(token)
      if let byte { try run.append(byte) }
      if byte == nil || index == last { try ByteFallbackDecoder.flush(&run, into: &result) }
      if byte == nil { try result.append(token) }
    }
  }

  private static func flush(_ run: inout GrowingList<UInt8>, into result: inout TextList) throws(Failure) {
    guard !run.isEmpty else { return }
    let bytes = UnsafeBufferPointer(run.elements)
    if UTF8Text.validPrefix(UnsafeRawBufferPointer(bytes)) == bytes.count {
      try result.append(bytes)
    } else {
      for _ in bytes { try result.append(UTF8Text.replacement) }
    }
    run.removeAll()
  }

  /// The byte that a token such as <0x0A> stands for.
  static func byte(_ token: UnsafeBufferPointer<UInt8>) -> UInt8? {
    guard token.count == 6, token.starts(with: "<0x".utf8), token[5] == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }
}

/// All tokens become one.
struct FuseDecoder: Decoder {
  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) { try tokens.fuse() }
}

/// Up to so many of one character vanish at the start and the end of each token.
struct StripDecoder: Decoder {
  let content: [UInt8]
  let start: Int
  let stop: Int

  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    try tokens.rewrite { _, token, result throws(Failure) in
      var rest = token[...]
      for _ in 0..<start where rest.starts(with: content) { rest = rest.dropFirst(content.count) }
      for _ in 0..<stop where rest.suffix(content.count).elementsEqual(content) { rest = rest.dropLast(content.count) }
      try result.append(UnsafeBufferPointer(rebasing: rest))
    }
  }
}

/// Matches of a pattern in each token are replaced.
struct ReplaceDecoder<Pattern: SplitPattern & Sendable>: Decoder {
  let pattern: Pattern
  let content: [UInt8]

  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    try tokens.replace(pattern, "the decoder Replace", &budget) { _ in content }
  }
}

/// The tokens of connectionist temporal classification (Graves et al. 2006): repetitions are one, the padding vanishes.
struct CTCDecoder: Decoder {
  private static let name: StaticString = "the decoder CTC"

  let padding: [UInt8]
  let delimiter: [UInt8]
  let cleansUp: Bool

  func decode(_ tokens: inout TextList, _ budget: inout DecodingBudget) throws(Failure) {
    var replacer = TextReplacer()
    var previous: UnsafeBufferPointer<UInt8>?
    try tokens.rewrite { _, token, result throws(Failure) in
      defer { previous = token }
      if let previous, previous.elementsEqual(token) { return }
      try replacer.set(token)
      try replacer.replace(TextPattern(bytes: padding), by: [], CTCDecoder.name, &budget)
      if cleansUp {
        try EnglishCleanup.apply(&replacer, &budget)
        try replacer.replace(TextPattern(bytes: delimiter), by: [0x20], CTCDecoder.name, &budget)
      }
      if !replacer.result.isEmpty { try result.append(replacer.result) }
    }
  }
}
