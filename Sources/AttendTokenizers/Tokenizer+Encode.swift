import AttendBase

extension Tokenizer {
  /// Tokenizes UTF-8. Bytes that are not UTF-8 count as U+FFFD, as many as `String(decoding:as:)` makes of them.
  ///
  /// Throws `invalidArgument` for a text of more than `maximalLength` bytes, or one that becomes too long on its way;
  /// `invalidFile` where the text needs an unknown token that the file does not name.
  package func encode(_ text: UnsafeRawBufferPointer, addSpecialTokens: Bool) throws(Failure) -> Encoding {
    guard text.count <= Tokenizer.maximalLength else {
      throw Failure(.invalidArgument, "the text has \(text.count) bytes, more than \(Tokenizer.maximalLength)")
    }
    var run = EncodingRun()
    if UTF8Text.validPrefix(text) == text.count {
      try run.encode(AlignedText(text.assumingMemoryBound(to: UInt8.self), base: 0), with: self)
    } else {
      try run.encode(AlignedText(repairing: text), with: self)
    }
    return finish(run, text, addSpecialTokens)
  }

  /// Makes the encoding of the tokens found.
  private func finish(_ run: EncodingRun, _ text: UnsafeRawBufferPointer, _ addSpecialTokens: Bool) -> Encoding {
    var counter = ScalarCounter(text)
    var encoding = Encoding()
    encoding.ids = run.ids
    encoding.offsets.reserveCapacity(run.ids.count)
    for range in run.sources { encoding.offsets.append(counter.offsets(range)) }
    encoding.isSpecial = Array(repeating: false, count: run.ids.count)
    encoding.typeIDs = Array(repeating: 0, count: run.ids.count)
    for processor in postProcessors { processor.process(&encoding, self, text, added: run.added, addSpecialTokens) }
    return encoding
  }
}

/// One text on its way through a tokenizer.
private struct EncodingRun {
  var ids: [Int32] = []
  /// The stretch of the source that each token stands for.
  var sources: [SourceRange] = []
  /// The places of added tokens that were found in the text.
  var added: Set<Int> = []
  private var tokens: [ModelToken] = []

  mutating func encode(_ source: AlignedText, with tokenizer: Tokenizer) throws(Failure) {
    var whole = PreTokenizedText(source)
    if !tokenizer.added.inSource.isEmpty {
      whole.split { text, range, list in tokenizer.added.inSource.split(text, range, &list) }
    }
    if whole.pieces.count == 1, whole.pieces[0].token < 0 { return try encodePart(source, with: tokenizer) }
    for piece in whole.pieces {
      let range = Int(piece.start)..<Int(piece.end)
      if piece.token >= 0 {
        tokens = [ModelToken(id: piece.token, start: piece.start, end: piece.end, isAdded: true)]
        append(tokens, of: source)
      } else {
        try encodePart(source.slice(range), with: tokenizer)
      }
    }
  }

  /// What lies between added tokens of the source.
  private mutating func encodePart(_ part: AlignedText, with tokenizer: Tokenizer) throws(Failure) {
    var part = part
    tokenizer.normalizer?.normalize(&part)
    var text = PreTokenizedText(part)
    if !tokenizer.added.inNormalized.isEmpty {
      text.split { bytes, range, list in tokenizer.added.inNormalized.split(bytes, range, &list) }
    }
    tokenizer.preTokenizer?.apply(&text)
    guard !text.text.isTooLong else {
      throw Failure(.invalidArgument, "the text becomes longer than \(TextRewriter.limit) bytes while it is normalized")
    }
    tokens.removeAll(keepingCapacity: true)
    try tokenizer.model.tokenize(text, into: &tokens)
    append(tokens, of: text.text)
  }

  private mutating func append(_ tokens: [ModelToken], of text: AlignedText) {
    text.bytes.withUnsafeBufferPointer { bytes in
      text.alignment.withUnsafeBufferPointer { alignment in
        for token in tokens {
          if token.isAdded { added.insert(ids.count) }
          ids.append(token.id)
          sources.append(AlignedText.source(Int(token.start), Int(token.end), bytes, alignment, base: text.base))
        }
      }
    }
  }
}

/// Turns stretches of the source, whose starts rise, into offsets. Bytes that are not UTF-8 count as the U+FFFD that
/// they become.
private struct ScalarCounter {
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
  package func pieces(_ text: [UInt8]) -> [[UInt8]] {
    var part = text.withUnsafeBytes { AlignedText(repairing: $0) }
    normalizer?.normalize(&part)
    var split = PreTokenizedText(part)
    preTokenizer?.apply(&split)
    return split.pieces.filter { $0.token < 0 }.map { Array(split.text.bytes[Int($0.start)..<Int($0.end)]) }
  }
}
