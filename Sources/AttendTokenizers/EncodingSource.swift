import AttendBase

/// The tokens of one text, before truncation, and the windows that it is cut into. Immutable.
final class TokenizedText: Sendable {
  let windows: TruncationWindows
  private let tokens: FoundTokens
  private let offsets: AlignedBuffer  // [tokens] TokenOffsets, of tokens that are not the first of a window
  private let starts: AlignedBuffer  // [windows] TokenOffsets, of those that are

  init(
    _ tokens: FoundTokens, _ windows: TruncationWindows, _ text: UnsafeRawBufferPointer, _ tokenizer: Tokenizer,
    _ cancellation: Cancellation?
  ) throws(Failure) {
    (self.tokens, self.windows) = (tokens, windows)
    offsets = try AlignedBuffer(tokens.count, of: TokenOffsets.self, for: "the offsets of a text")
    starts = try AlignedBuffer(windows.count, of: TokenOffsets.self, for: "the windows of a text")
    let trimmer = OffsetTrimmer(trims: tokenizer.postProcessor.trims, tokenizer: tokenizer, text: text)
    let target = offsets.pointer(to: TokenOffsets.self)
    var counter = ScalarCounter(text), watch = TextWatch(cancellation)
    for (index, token) in tokens.elements.enumerated() {
      try watch.pass(index)
      target[index] = counter.offsets(token.source)
    }
    for index in 0..<windows.count {
      guard let first = windows.range(index).first else { continue }
      starts.pointer(to: TokenOffsets.self)[index] = trimmer.trimmed(target[first], tokens[first], isFirst: true)
    }
    guard !trimmer.trims.isEmpty else { return }
    for (index, token) in tokens.elements.enumerated() {
      target[index] = trimmer.trimmed(target[index], token, isFirst: false)
    }
  }

  /// Writes the tokens of a window.
  func write(window: Int, _ writer: inout EncodingWriter, type: Int32, sequence: Int32) {
    let range = windows.range(window)
    for index in range {
      let offsets =
        index == range.lowerBound
        ? starts.pointer(to: TokenOffsets.self)[window] : offsets.pointer(to: TokenOffsets.self)[index]
      writer.append(id: tokens[index].id, offsets, type: type, sequence: sequence)
    }
  }
}

/// The source of the encodings of one text or two: the texts in windows, and the layout around them.
final class EncodingSource: Sendable {
  private let texts: [TokenizedText]
  private let layout: [Template.Item]
  /// The number of windows of the text at each place of the layout, in the layout's order.
  private let counts: [Int]
  let overflowCount: Int

  init(_ texts: [TokenizedText], _ layout: [Template.Item]) throws(Failure) {
    (self.texts, self.layout) = (texts, layout)
    counts = layout.compactMap { if case .sequence(let text, _, _) = $0 { texts[text].windows.count } else { nil } }
    var product = 1
    for count in counts {
      let (larger, overflow) = product.multipliedReportingOverflow(by: count)
      guard !overflow else { throw .outOfMemory(Int.max, for: "the windows of an encoding") }
      product = larger
    }
    overflowCount = product - 1
  }

  /// The encoding that truncation leaves, which makes the others.
  func encoding() throws(Failure) -> Encoding {
    try compose(counts.map { _ in 0 }, source: overflowCount > 0 ? self : nil)
  }

  func overflow(_ index: Int) throws(Failure) -> Encoding { try compose(choice(index), source: nil) }

  /// The window of each text that makes overflow `index`. The order is that in which Hugging Face's tokenizers merge
  /// windows from left to right: each window so far with all of the next text, and last the first windows with the
  /// others of the next text.
  private func choice(_ index: Int) -> [Int] {
    var choice = counts.map { _ in 0 }
    var index = index
    var combinations = overflowCount + 1
    for place in counts.indices.reversed() {
      combinations /= counts[place]
      let others = (combinations - 1) * counts[place]
      guard index < others else {
        choice[place] = index - others + 1
        return choice
      }
      choice[place] = index % counts[place]
      index /= counts[place]
    }
    return choice
  }

  /// An encoding of window `choice[i]` at the i-th place for a text.
  private func compose(_ choice: [Int], source: EncodingSource?) throws(Failure) -> Encoding {
    var (count, place) = (0, 0)
    for item in layout {
      guard case .sequence(let text, _, _) = item else {
        count += 1
        continue
      }
      count += texts[text].windows.range(choice[place]).count
      place += 1
    }
    return try Encoding(count: count, source: source) { write($0, choice) }
  }

  private func write(_ writer: EncodingWriter, _ choice: [Int]) {
    var (writer, place) = (writer, 0)
    for item in layout {
      switch item {
      case .token(let id, let type): writer.append(id: id, TokenOffsets(), type: type, sequence: -1)
      case .sequence(let text, let type, let windowType):
        let window = choice[place]
        place += 1
        texts[text].write(
          window: window, &writer, type: window > 0 ? windowType : type, sequence: Int32(truncatingIfNeeded: text))
      }
    }
  }
}
