import AttendBase

/// Texts to be scored, as ids: of each what the decoder reads, and where what is scored of it begins.
struct ScoreInputs: ~Copyable {
  /// Neighbouring elements of a list.
  struct Span: BitwiseCopyable, Equatable {
    let first: Int
    let count: Int

    var range: Range<Int> { first..<first + count }
  }

  struct Text: BitwiseCopyable {
    /// Where its tokens begin in `tokens`.
    let first: Int
    let count: Int
    /// The first token that is scored, at least 1: the first of all follows on nothing.
    let firstScored: Int
    /// The tokens of its source in `sources`; empty for a decoder.
    let source: Span
  }

  /// A context, or the start of a decoder, and then the text, text after text.
  private(set) var tokens = GrowingList<Int32>(for: "the texts to be scored")
  /// Sources of encoder-decoders, each once where equal ones stand next to each other.
  private(set) var sources = GrowingList<Int32>(for: "the sources of texts to be scored")
  private(set) var texts = GrowingList<Text>(for: "the texts to be scored")

  init() {}

  /// The tokens of a text from one on.
  func ids(of text: Text, from place: Int = 0) -> UnsafeBufferPointer<Int32> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(tokens.elements)[text.first + place..<text.first + text.count])
  }

  /// Adds a text behind a context, which may be empty: then its first token is not scored.
  mutating func add(_ text: UnsafeBufferPointer<Int32>, behind context: UnsafeBufferPointer<Int32>) throws(Failure) {
    let first = tokens.count
    try tokens.append(contentsOf: context)
    try tokens.append(contentsOf: text)
    try texts.append(
      Text(
        first: first, count: tokens.count - first, firstScored: max(context.count, 1), source: Span(first: 0, count: 0))
    )
  }

  /// Adds a text of which the first tokens, at least one, are not scored.
  mutating func add(_ text: UnsafeBufferPointer<Int32>, scoredFrom place: Int) throws(Failure) {
    try add(
      UnsafeBufferPointer(rebasing: text[place...]), behind: UnsafeBufferPointer(rebasing: text[..<place]))
  }

  /// Adds what a decoder that begins with `start` makes of a source.
  mutating func add(
    target: UnsafeBufferPointer<Int32>, of source: UnsafeBufferPointer<Int32>, start: Int32
  ) throws(Failure) {
    var place = texts.elements.last?.source ?? Span(first: 0, count: 0)
    if !sources.elements[place.range].elementsEqual(source) {
      place = Span(first: sources.count, count: source.count)
      try sources.append(contentsOf: source)
    }
    let first = tokens.count
    try tokens.append(start)
    try tokens.append(contentsOf: target)
    try texts.append(Text(first: first, count: target.count + 1, firstScored: 1, source: place))
  }
}
