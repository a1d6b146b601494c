// Words: what tasks ask of a text beside its tokens.
import AttendBase

/// The place of a word in its text: bytes `[start, end)`.
package struct WordPlace: BitwiseCopyable, Sendable {
  package let start: Int32
  package let end: Int32
}

/// Tokens by their spelling, that become one text.
package struct SpelledTokens: ~Copyable {
  fileprivate var list = TextList(for: "the text of tokens")

  package init() {}

  package mutating func append(_ token: UnsafeBufferPointer<UInt8>) throws(Failure) { try list.append(token) }

  package mutating func removeAll() { list.removeAll() }
}

extension Tokenizer {
  /// The words of a text in their order: the pieces that pre-tokenizing leaves, each of which the model splits by
  /// itself, and added tokens. Whatever no pre-tokenizer splits is one word.
  package func words(of text: UnsafeRawBufferPointer) throws(Failure) -> GrowingList<WordPlace> {
    let found = FoundTokens(listsPieces: true)
    if UTF8Text.validPrefix(text) == text.count {
      try found.encode(try AlignedText(text.assumingMemoryBound(to: UInt8.self), base: 0, nil), with: self)
    } else {
      try found.encode(try AlignedText(repairing: text, nil), with: self)
    }
    var words = GrowingList<WordPlace>(for: "the words of a text")
    try words.reserve(found.count)
    for piece in found.elements {
      try words.append(
        WordPlace(
          start: Int32(truncatingIfNeeded: piece.source.start), end: Int32(truncatingIfNeeded: piece.source.end)))
    }
    return words
  }

  /// Whether tokens that go on with a word are spelled with a prefix of their own.
  package var marksContinuations: Bool { model.marksContinuations }

  /// The text of spelled tokens, special ones too, as the decoder puts it together; without a decoder they are joined
  /// by spaces. The list is used up.
  package func text(of tokens: inout SpelledTokens) throws(Failure) -> TextStorage<UInt8> {
    var list = TextList(for: "the text of tokens")
    swap(&list, &tokens.list)
    if let decoder {
      var budget = DecodingBudget(for: list.joined.count)
      try decoder.decode(&list, &budget)
    } else {
      try list.rewrite { index, text, result throws(Failure) in
        if index > 0 { try result.write(0x20) }
        try result.append(text)
      }
    }
    try list.fuse()
    return list.storage()
  }
}
