import CAttend

/// What single tokens read as within a text: the space before a word, which some tokenizers drop at a text's beginning,
/// is there.
final class TokenTexts: @unchecked Sendable {
  private let tokenizer: OpaquePointer
  /// A token that any other may follow, and how it reads.
  private let anchor: (ids: [Int32], text: String)

  init?(_ tokenizer: OpaquePointer) {
    self.tokenizer = tokenizer
    guard let ids = try? encodedIds(tokenizer, "a", special: false), let text = try? decodedText(tokenizer, ids)
    else { return nil }
    anchor = (ids, text)
  }

  func text(_ id: Int32) -> String {
    guard let both = try? decodedText(tokenizer, anchor.ids + [id]), both.hasPrefix(anchor.text) else {
      var length = 0
      return utf8(attend_tokenizer_token(tokenizer, id, &length), length)
    }
    return String(both.unicodeScalars.dropFirst(anchor.text.unicodeScalars.count))
  }

  /// The text and its bytes, which are null where a token is a part of a character.
  func fields(_ id: Int32, _ logProbability: Float) -> [Field] {
    let text = text(id)
    let isWhole = !text.unicodeScalars.contains("\u{FFFD}")
    return [
      Field("token", .string(text)), Field("logprob", .float(logProbability)),
      Field("bytes", isWhole ? .list(text.utf8.map { .integer(Int($0)) }) : .null),
    ]
  }
}

/// The ids of a text, with the special tokens of the tokenizer's template or without.
func encodedIds(_ tokenizer: OpaquePointer, _ text: String, special: Bool = true) throws(Trouble) -> [Int32] {
  var options = attend_tokenize_options.initial
  options.no_special_tokens = !special
  var encoding: OpaquePointer?
  try attempt(attend_tokenizer_encode(tokenizer, text, text.utf8.count, &options, &encoding))
  defer { attend_encoding_free(encoding) }
  return ids(of: encoding)
}

/// The ids of an encoding.
func ids(of encoding: OpaquePointer?) -> [Int32] {
  var count = 0
  let ids = attend_encoding_ids(encoding, &count)
  return Array(UnsafeBufferPointer(start: ids, count: count))
}

/// The text of ids, special tokens included.
func decodedText(_ tokenizer: OpaquePointer, _ ids: [Int32], special: Bool = true) throws(Trouble) -> String {
  var options = attend_detokenize_options.initial
  options.keep_special_tokens = special
  var text: OpaquePointer?
  try attempt(attend_tokenizer_decode(tokenizer, ids, ids.count, &options, &text))
  return take(text)
}
