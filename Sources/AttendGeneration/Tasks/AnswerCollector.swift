import AttendBase
import AttendTokenizers

/// Finds the best answers of one question in the windows of its text.
final class AnswerCollector {
  private let results: TextResults<AnswerSpan>
  private let options: QuestionAnswerer.Options

  /// A start and an end in a window.
  private struct Pair: BitwiseCopyable {
    let start: Int
    let end: Int
    let score: Double
  }

  /// An answer, with its text in lower case: what reads alike is one answer.
  private struct Answer: BitwiseCopyable {
    let place: TokenOffsets
    let key: TextPlace
    var score: Double
  }

  private var words = GrowingList<WordPlace>(for: "the words of a text")
  private var starts = GrowingList<Double>(for: "the scores of starts")
  private var ends = GrowingList<Double>(for: "the scores of ends")
  private var best = GrowingList<Pair>(for: "the answers of a text")
  private var answers = GrowingList<Answer>(for: "the answers of a text")
  private var keys = TextPool()
  private var folded = GrowingList<UInt8>(for: "the text of an answer")
  private var nothing = Double.infinity

  init(_ results: TextResults<AnswerSpan>, _ options: QuestionAnswerer.Options) {
    (self.results, self.options) = (results, options)
  }

  /// Begins a question about a text of these words.
  func begin(_ words: consuming GrowingList<WordPlace>) {
    self.words = words
    answers.removeAll()
    keys.removeAll()
    nothing = .infinity
  }

  /// Looks for answers in a window, whose tokens have `logits`, `[tokens, 2]`. `context` is the text of number `number`
  /// in it.
  func add(
    _ encoding: Encoding, _ logits: Matrix, _ context: UnsafeRawBufferPointer, _ number: Int32, _ first: Int32?
  ) throws(Failure) {
    let count = encoding.count
    for column in 0..<2 {
      for index in 0..<count where encoding.sequenceIDs[index] != number && encoding.ids[index] != first {
        logits[index][column] = AnswerCollector.forbidden
      }
    }
    try probabilities(logits, 0, &starts)
    try probabilities(logits, 1, &ends)
    nothing = min(nothing, starts[0] * ends[0])
    (starts[0], ends[0]) = (0, 0)
    try findPairs(encoding, number)
    for pair in best.elements { try add(pair, encoding, context, number) }
  }

  /// The logit of tokens that are no part of an answer, as the reference has it.
  private static let forbidden: Float = -10000

  private func probabilities(
    _ logits: Matrix, _ column: Int, _ list: inout GrowingList<Double>
  ) throws(Failure) {
    list.removeAll()
    try list.reserve(logits.rows)
    list.resize(to: logits.rows, filling: 0)
    Softmax.apply(logits.base + column, step: logits.stride, count: logits.rows, into: list.storage)
  }

  /// The best pairs of a start and an end that is not before it and not too far behind it, the best first. Some more
  /// than are wanted, for several may mean the same words.
  private func findPairs(_ encoding: Encoding, _ number: Int32) throws(Failure) {
    best.removeAll()
    let (double, overflow) = options.most.multipliedReportingOverflow(by: 2)
    let most = !options.alignsToWords ? options.most : overflow ? .max : double.saturatingAdd(10)
    for start in 0..<starts.count where starts[start] > 0 {
      for end in start..<min(start.saturatingAdd(options.longest), ends.count) {
        let score = starts[start] * ends[end]
        guard score > 0, best.count < most || score > best[best.count - 1].score else { continue }
        if best.count == most { _ = best.removeLast() }
        let place = best.elements.partition { $0.score >= score }
        try best.insert(Pair(start: start, end: end, score: score), at: place)
      }
    }
  }

  private func add(
    _ pair: Pair, _ encoding: Encoding, _ context: UnsafeRawBufferPointer, _ number: Int32
  ) throws(Failure) {
    var place = encoding.offsets[firstOfWord(pair.start, encoding, number)]
    let last = encoding.offsets[lastOfWord(pair.end, encoding, number)]
    (place.byteEnd, place.scalarEnd) = (last.byteEnd, last.scalarEnd)
    folded.removeAll()
    for byte in String(decoding: text(place, context), as: UTF8.self).lowercased().utf8 { try folded.append(byte) }
    for (index, known) in answers.elements.enumerated() where known.key.length == folded.count {
      if keys.text(known.key).elementsEqual(folded.elements) {
        answers[index].score += pair.score
        return
      }
    }
    let key = try keys.append(UnsafeBufferPointer(folded.elements))
    try answers.append(Answer(place: place, key: key, score: pair.score))
  }

  private func text(_ place: TokenOffsets, _ context: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let (start, end) = (Int(place.byteStart), Int(place.byteEnd))
    return UnsafeRawBufferPointer(rebasing: context[start..<max(start, end)])
  }

  // MARK: Words

  /// The word that a token of the text stands in; nil: it is none's.
  private func word(_ token: Int, _ encoding: Encoding, _ number: Int32) -> Int? {
    guard encoding.sequenceIDs[token] == number else { return nil }
    let place = encoding.offsets[token]
    // A token of spaces, of which nothing is left where spaces are taken from offsets, stands at its end.
    let isEmpty = place.byteStart == place.byteEnd && place.byteStart > 0
    let index = words.elements.partition { $0.start < place.byteStart + (isEmpty ? 0 : 1) } - 1
    return index >= 0 && place.byteEnd <= words[index].end ? index : nil
  }

  /// The first token of the window in the word of a token; the token itself where it is in none.
  private func firstOfWord(_ token: Int, _ encoding: Encoding, _ number: Int32) -> Int {
    guard let own = word(token, encoding, number) else { return token }
    var first = token
    while first > 0, word(first - 1, encoding, number) == own { first -= 1 }
    return first
  }

  /// The last one.
  private func lastOfWord(_ token: Int, _ encoding: Encoding, _ number: Int32) -> Int {
    guard let own = word(token, encoding, number) else { return token }
    var last = token
    while last + 1 < encoding.count, word(last + 1, encoding, number) == own { last += 1 }
    return last
  }

  // MARK: Results

  /// Ends the question, whose text is `context`.
  func end(_ context: UnsafeRawBufferPointer) throws(Failure) {
    if options.allowsNone {
      let none = TextPlace(start: 0, length: 0)
      try answers.append(Answer(place: .none, key: none, score: nothing))
    }
    try answers.sort { $0.score > $1.score }
    for answer in answers.elements.prefix(options.most) {
      let bytes = text(answer.place, context).assumingMemoryBound(to: UInt8.self)
      try results.add(
        AnswerSpan(text: try results.add(bytes), score: answer.score, place: answer.place))
    }
    try results.endOnlyGroup()
  }
}
