/// What follows the model: special tokens around the sequence, offsets without white space.
enum PostProcessor: Sendable {
  /// A token of a template, or the place of the sequence.
  enum Item: Sendable {
    case token(id: Int32, type: Int32)
    case sequence(type: Int32)
  }

  /// Special tokens around the sequence; where the caller wants none, the sequence alone.
  case template([Item])
  /// Takes white space off the offsets of tokens that begin or end with it, but for one space in front of the first,
  /// which the tokenizer added itself if `prefixSpace`.
  case trimOffsets(prefixSpace: Bool)
}
