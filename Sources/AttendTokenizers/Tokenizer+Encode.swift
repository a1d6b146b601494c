import AttendBase

extension Tokenizer {
  /// Tokenizes UTF-8, one text or two. Bytes that are not UTF-8 count as U+FFFD, as many as `String(decoding:as:)`
  /// makes of them.
  ///
  /// Throws `invalidArgument` for a text of more than `maximalLength` bytes, or one that becomes too long on its way,
  /// and for options that leave no way to truncate; `cancelled`; `invalidFile` where the text needs an unknown token
  /// that the file does not name; `unsupported` where the file has no template for two texts.
  package func encode(
    _ text: UnsafeRawBufferPointer, pair: UnsafeRawBufferPointer? = nil, _ options: TokenizeOptions = TokenizeOptions()
  ) throws(Failure) -> Encoding {
    options.begin(bytes: text.count &+ (pair?.count ?? 0))
    return try encoded(text, pair: pair, options)
  }

  /// As `encode`, in a call that has begun.
  func encoded(
    _ text: UnsafeRawBufferPointer, pair: UnsafeRawBufferPointer?, _ options: TokenizeOptions
  ) throws(Failure) -> Encoding {
    if options.areTargets {
      let targets = try ofTargets()
      if targets !== self { return try targets.encoded(text, pair: pair, options) }
    }
    try checkStride(options)
    let layout = try postProcessor.layout(isPair: pair != nil, options.addSpecialTokens, source: source)
    let texts = pair.map { [text, $0] } ?? [text]
    var found: [FoundTokens] = []
    for text in texts { found.append(try tokens(of: text, options.cancellation)) }
    let windows = try windows(found.map(\.count), options)
    var tokenized: [TokenizedText] = []
    for index in texts.indices {
      tokenized.append(try TokenizedText(found[index], windows[index], texts[index], self, options.cancellation))
      options.cancellation?.advance(texts[index].count)
    }
    return try EncodingSource(tokenized, layout).encoding()
  }

  private func windows(_ lengths: [Int], _ options: TokenizeOptions) throws(Failure) -> [TruncationWindows] {
    guard let limit = options.maximalLength else { return lengths.map { TruncationWindows(whole: $0) } }
    // Only a truncation needs what the files say of it.
    var side = options.side
    if side == nil { side = try info.get().truncationSide }
    let truncation = Truncation(
      limit: limit, added: options.addSpecialTokens ? postProcessor.addedCount(isPair: lengths.count > 1) : 0,
      strategy: options.truncation, side: side ?? .right, stride: options.stride,
      firstKeepsOddToken: firstKeepsOddToken)
    return try truncation.windows(lengths)
  }

  /// The stride must leave a step between windows of one text, whether or not there will be any.
  private func checkStride(_ options: TokenizeOptions) throws(Failure) {
    guard let limit = options.maximalLength else { return }
    let added = postProcessor.addedCount(isPair: false)
    guard limit < added || options.stride <= limit - added else {
      throw Failure(
        .invalidArgument,
        "stride is \(options.stride), and max_length \(limit) less the \(added) special tokens is \(limit - added)")
    }
  }

  private func tokens(of text: UnsafeRawBufferPointer, _ cancellation: Cancellation?) throws(Failure) -> FoundTokens {
    guard text.count <= Tokenizer.maximalLength else {
      throw Failure(.invalidArgument, "the text has \(text.count) bytes, more than \(Tokenizer.maximalLength)")
    }
    let found = FoundTokens()
    if UTF8Text.validPrefix(text) == text.count {
      try found.encode(try AlignedText(text.assumingMemoryBound(to: UInt8.self), base: 0, cancellation), with: self)
    } else {
      try found.encode(try AlignedText(repairing: text, cancellation), with: self)
    }
    return found
  }
}

/// A token of a text: its id and the stretch of the source that it stands for.
struct FoundToken: BitwiseCopyable {
  let id: Int32
  let source: SourceRange
  /// It was found in the text as an added token.
  let isAdded: Bool
}

/// The tokens of one text, made by one thread and then read by any.
final class FoundTokens: @unchecked Sendable {
  private var list = GrowingList<FoundToken>(for: "the tokens of a text")
  private var tokens = TokenList(for: "the tokens of a text")
  /// Whether the pieces that the model would read are listed, in the place of their tokens.
  private let listsPieces: Bool

  init(listsPieces: Bool = false) { self.listsPieces = listsPieces }

  var count: Int { list.count }
  var elements: UnsafeMutableBufferPointer<FoundToken> { list.elements }
  subscript(index: Int) -> FoundToken { list[index] }

  func encode(_ source: AlignedText, with tokenizer: Tokenizer) throws(Failure) {
    var whole = try PreTokenizedText(source)
    if !tokenizer.added.inSource.isEmpty {
      try whole.split { text, range, list in tokenizer.added.inSource.split(text, range, &list) }
    }
    if whole.pieces.count == 1, whole.pieces[0].token < 0 { return try encodePart(source, with: tokenizer) }
    for piece in whole.pieces {
      let range = Int(piece.start)..<Int(piece.end)
      if piece.token >= 0 {
        tokens.removeAll()
        try tokens.append(ModelToken(id: piece.token, start: piece.start, end: piece.end, isAdded: true))
        try appendTokens(of: source)
      } else {
        try encodePart(try source.slice(range), with: tokenizer)
      }
    }
    tokens = TokenList(for: "the tokens of a text")
  }

  /// The part between added tokens of the source.
  private func encodePart(_ part: AlignedText, with tokenizer: Tokenizer) throws(Failure) {
    let count = part.bytes.count
    var part = part
    try tokenizer.normalizer?.normalize(&part)
    part.cancellation?.advance(count)
    var text = try PreTokenizedText(part)
    if !tokenizer.added.inNormalized.isEmpty {
      try text.split { bytes, range, list in tokenizer.added.inNormalized.split(bytes, range, &list) }
    }
    try tokenizer.preTokenizer?.apply(&text)
    part.cancellation?.advance(count)
    if listsPieces { return try appendPieces(of: text) }
    tokens.removeAll()
    try tokenizer.model.tokenize(text, into: &tokens)
    try appendTokens(of: text.text)
    part.cancellation?.advance(count)
  }

  private func appendPieces(of text: PreTokenizedText) throws(Failure) {
    try text.text.bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
      try text.text.alignment.withUnsafeBufferPointer { (alignment) throws(Failure) in
        for piece in text.pieces {
          let source = AlignedText.source(
            Int(piece.start), Int(piece.end), bytes, alignment, base: text.text.base)
          try list.append(FoundToken(id: piece.token, source: source, isAdded: piece.token >= 0))
        }
      }
    }
  }

  private func appendTokens(of text: AlignedText) throws(Failure) {
    try list.reserve(tokens.count)
    var watch = TextWatch(text.cancellation)
    try text.bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
      try text.alignment.withUnsafeBufferPointer { (alignment) throws(Failure) in
        for token in tokens.elements {
          try watch.pass(Int(token.start))
          let source = AlignedText.source(Int(token.start), Int(token.end), bytes, alignment, base: text.base)
          try list.append(FoundToken(id: token.id, source: source, isAdded: token.isAdded))
        }
      }
    }
  }
}

/// Turns stretches of the source, whose starts rise, into offsets. Bytes that are not UTF-8 count as the U+FFFD that
/// they become.
struct ScalarCounter {
  private let text: UnsafeRawBufferPointer
  /// A place in bytes and the scalars before it.
  private var place = 0
  private var count = 0
  private var last = TokenOffsets()

  init(_ text: UnsafeRawBufferPointer) { self.text = text }

  mutating func offsets(_ range: SourceRange) -> TokenOffsets {
    let start = Int32(truncatingIfNeeded: range.start), end = Int32(truncatingIfNeeded: range.end)
    // Several tokens of one character have the same stretch.
    if last.byteStart == start, last.byteEnd == end { return last }
    if start < place {
      place = 0
      count = 0
    }
    advance(to: Int(start))
    last = TokenOffsets(byteStart: start, byteEnd: end, scalarStart: Int32(truncatingIfNeeded: count), scalarEnd: 0)
    let (startPlace, startCount) = (place, count)
    advance(to: Int(end))
    last.scalarEnd = Int32(truncatingIfNeeded: count)
    (place, count) = (startPlace, startCount)
    return last
  }

  private mutating func advance(to target: Int) {
    while place < target {
      let length = text[place] < 0x80 ? 1 : abs(UTF8Text.sequence(text, at: place))
      if place + length > target { break }
      place += length
      count += 1
    }
  }
}

extension Tokenizer {
  /// The pieces of a text as the model sees them, added tokens left out: for tests of what comes before the model.
  package func pieces(_ text: [UInt8]) throws(Failure) -> [[UInt8]] {
    var part = try text.withUnsafeBufferPointer { bytes throws(Failure) in
      try AlignedText(repairing: UnsafeRawBufferPointer(bytes))
    }
    try normalizer?.normalize(&part)
    var split = try PreTokenizedText(part)
    try preTokenizer?.apply(&split)
    let bytes = split.text.bytes
    return split.pieces.filter { $0.token < 0 }.map { Array(bytes[Int($0.start)..<Int($0.end)]) }
  }
}
