import AttendBase
import AttendTokenizers

/// Makes entities of the logits of tokens, window by window and text by text.
final class EntityWriter {
  private let results: TextResults<Entity>
  private let tokenizer: Tokenizer
  private let labels: ClassLabels
  private let options: TokenClassifier.Options
  private let unknown: Int32?

  /// A token of the text at hand.
  private struct Token: BitwiseCopyable {
    let index: Int
    let id: Int32
    let place: TokenOffsets
    /// Whether it goes on with the word of the token before it.
    let isContinuation: Bool
  }

  /// A token or a word with its class.
  private struct Word: BitwiseCopyable {
    let entity: Int
    let score: Double
    /// Its tokens, in the list of them.
    let first: Int
    let limit: Int
    /// What its tokens spell together, where it is a word.
    var spelling: TextPlace?
  }

  private var scores = GrowingList<Double>(for: "the scores of tokens")  // [tokens, classes]
  private var tokens = GrowingList<Token>(for: "the tokens of a text")
  private var words = GrowingList<Word>(for: "the words of a text")
  private var found = GrowingList<Entity>(for: "the entities of a text")
  private var spellings = TextPool()
  private var spelled = SpelledTokens()

  init(
    _ results: TextResults<Entity>, _ tokenizer: Tokenizer, _ labels: ClassLabels,
    _ options: TokenClassifier.Options, unknown: Int32?
  ) {
    (self.results, self.tokenizer, self.labels) = (results, tokenizer, labels)
    (self.options, self.unknown) = (options, unknown)
  }

  /// Adds the entities of a window, whose tokens have `logits`, `[tokens, classes]`.
  func add(_ encoding: Encoding, _ logits: Matrix, _ text: UnsafeRawBufferPointer) throws(Failure) {
    tokens.removeAll()
    words.removeAll()
    spellings.removeAll()
    let classes = labels.count
    try scores.reserve(max(encoding.count * classes - scores.count, 0))
    scores.resize(to: encoding.count * classes, filling: 0)
    for index in 0..<encoding.count where encoding.special[index] == 0 {
      Softmax.apply(logits[index], count: classes, into: scores.storage + index * classes)
      let (id, place) = (encoding.ids[index], encoding.offsets[index])
      let goesOn = isContinuation(id, place, text)
      try tokens.append(Token(index: index, id: id, place: place, isContinuation: goesOn))
    }
    switch options.aggregation {
    case .none, .simple: for token in 0..<tokens.count { try words.append(best(of: token)) }
    case .first, .average, .max: try joinWords(text)
    }
    if options.aggregation == .none { try addTokens(text) } else { try addGroups(text) }
  }

  /// Ends a text, of which there were so many windows.
  func endInput(windows: Int) throws(Failure) {
    if windows > 1 { try found.mergeOverlapping() }
    for entity in found.elements { try results.add(entity) }
    found.removeAll()
    try results.endOnlyGroup()
  }

  // MARK: Words

  /// Where continuations are spelled apart, a token that is not spelled as its stretch of the text is one; otherwise
  /// one without a space before or at its start. An unknown token is none.
  private func isContinuation(_ id: Int32, _ place: TokenOffsets, _ text: UnsafeRawBufferPointer) -> Bool {
    if let unknown, id == unknown { return false }
    if tokenizer.marksContinuations {
      let scalars = tokenizer.token(id)?.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) } ?? 0
      return scalars != Int(place.scalarEnd - place.scalarStart)
    }
    let start = Int(place.byteStart)
    guard start > 0 else { return false }
    return text[start - 1] != 0x20 && (start >= text.count || text[start] != 0x20)
  }

  private func row(_ token: Int) -> UnsafeBufferPointer<Double> {
    UnsafeBufferPointer(start: scores.storage + tokens[token].index * labels.count, count: labels.count)
  }

  /// The class with the highest score, of equals the first.
  private func best(_ row: UnsafeBufferPointer<Double>) -> Int {
    var best = 0
    for number in row.indices where row[number] > row[best] { best = number }
    return best
  }

  private func best(of token: Int) -> Word {
    let row = row(token), number = best(row)
    return Word(entity: number, score: row[number], first: token, limit: token + 1)
  }

  /// Makes words of tokens that go on with each other.
  private func joinWords(_ text: UnsafeRawBufferPointer) throws(Failure) {
    var first = 0
    while first < tokens.count {
      var limit = first + 1
      while limit < tokens.count, tokens[limit].isContinuation { limit += 1 }
      var word = try classify(first..<limit)
      for token in first..<limit { try spelled.append(spelling(tokens[token], text)) }
      word.spelling = try decode { (bytes) throws(Failure) in try spellings.append(bytes) }
      try words.append(word)
      first = limit
    }
  }

  private func classify(_ range: Range<Int>) throws(Failure) -> Word {
    var (number, score) = (0, 0.0)
    switch options.aggregation {
    case .average:
      var mean = GrowingList<Double>(for: "the scores of a word")
      for number in 0..<labels.count {
        try mean.append(range.reduce(0) { $0 + row($1)[number] } / Double(range.count))
      }
      number = best(UnsafeBufferPointer(mean.elements))
      score = mean[number]
    case .max:
      for token in range {
        let row = row(token), highest = best(row)
        if row[highest] > score { (number, score) = (highest, row[highest]) }
      }
    default:
      let word = best(of: range.lowerBound)
      (number, score) = (word.entity, word.score)
    }
    return Word(entity: number, score: score, first: range.lowerBound, limit: range.upperBound)
  }

  // MARK: Entities

  private func addTokens(_ text: UnsafeRawBufferPointer) throws(Failure) {
    for word in words.elements where !options.ignored.contains(labels[word.entity]) {
      let token = tokens[word.first]
      try found.append(
        Entity(
          label: try results.add(labels[word.entity]), score: word.score, token: token.index,
          word: try results.add(spelling(token, text)), place: token.place))
    }
  }

  /// Joins neighbours of one class.
  private func addGroups(_ text: UnsafeRawBufferPointer) throws(Failure) {
    var first = 0
    while first < words.count {
      var limit = first + 1
      let tag = tag(words[first].entity)
      while limit < words.count, !begins(words[limit].entity), self.tag(words[limit].entity).elementsEqual(tag) {
        limit += 1
      }
      try addGroup(first..<limit, text)
      first = limit
    }
  }

  private func addGroup(_ range: Range<Int>, _ text: UnsafeRawBufferPointer) throws(Failure) {
    let name = labels[words[range.lowerBound].entity]
    // Behind the first hyphen, as the reference has it, whether or not "B" or "I" stands before it.
    let label = name.firstIndex(of: UInt8(ascii: "-")).map { UnsafeBufferPointer(rebasing: name[($0 + 1)...]) } ?? name
    guard !options.ignored.contains(label) else { return }
    for word in range {
      let spelling = words[word].spelling.map { spellings.text($0) }
      try spelled.append(spelling ?? self.spelling(tokens[words[word].first], text))
    }
    var place = tokens[words[range.lowerBound].first].place
    let last = tokens[words[range.upperBound - 1].limit - 1].place
    (place.byteEnd, place.scalarEnd) = (last.byteEnd, last.scalarEnd)
    let sum = range.reduce(0) { $0 + words[$1].score }
    try found.append(
      Entity(
        label: try results.add(label), score: sum / Double(range.count), token: -1,
        word: try decode { (bytes) throws(Failure) in try results.add(bytes) }, place: place))
  }

  /// Whether a class is written as one that begins an entity.
  private func begins(_ number: Int) -> Bool { labels[number].starts(with: [UInt8(ascii: "B"), UInt8(ascii: "-")]) }

  /// A class without "B-" or "I-" before it.
  private func tag(_ number: Int) -> UnsafeBufferPointer<UInt8> {
    let name = labels[number]
    let isMarked = begins(number) || name.starts(with: [UInt8(ascii: "I"), UInt8(ascii: "-")])
    return isMarked ? UnsafeBufferPointer(rebasing: name[2...]) : name
  }

  // MARK: Spelling

  /// A token as its file spells it; an unknown one as its stretch of the text.
  private func spelling(_ token: Token, _ text: UnsafeRawBufferPointer) -> UnsafeBufferPointer<UInt8> {
    if token.id != unknown, let spelling = tokenizer.token(token.id) {
      return spelling.assumingMemoryBound(to: UInt8.self)
    }
    let range = Int(token.place.byteStart)..<Int(token.place.byteEnd)
    return UnsafeRawBufferPointer(rebasing: text[range]).assumingMemoryBound(to: UInt8.self)
  }

  /// Gives `body` the text of the tokens that are spelled so far.
  private func decode(
    _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> TextPlace
  ) throws(Failure) -> TextPlace {
    let text = try tokenizer.text(of: &spelled)
    return try text.withUnsafeBufferPointer { (bytes) throws(Failure) in try body(bytes) }
  }
}
