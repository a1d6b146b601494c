import AttendBase

/// What the words of a prefix add to its score, and what the next symbol needs to know.
struct WordState: BitwiseCopyable {
  /// Of the words that are complete, and of the one that has begun.
  fileprivate var finished = 0.0
  fileprivate var partial = 0.0
  /// The known words that begin like the one that has begun, where it has letters.
  fileprivate var known = WordList.Prefix()
  fileprivate var hot = WordList.Prefix()
  fileprivate var letters: Int32 = 0
  /// The node at which the last word before this node ended.
  fileprivate var boundary: Int32 = -1
  /// The word that ends at this node: its number in the language model and among the hot words, -1 for unknown ones.
  fileprivate var endsWord = false
  fileprivate var word: Int32 = -1
  fileprivate var hotWord: Int32 = -1
  /// Whether a hot phrase ends with it: none begins before that point.
  fileprivate var endsPhrase = false

  var score: Double { finished + partial }
}

/// Scores words by a language model and by hot words, as pyctcdecode does: a word that is complete adds
/// alpha ln p(word | words before) + beta; one that has begun bears the offset of an unknown word as soon as no known
/// one begins like it, and more the longer it is; hot words add their weight, and while they have begun the part of it
/// that is there. One thread at a time.
final class WordScorer {
  private let vocabulary: CTCVocabulary
  private let options: CTCSearchOptions
  private let language: NGramModel?
  private let hot: HotWords
  private let window: AlignedBuffer  // numbers of words, the last one at the end

  /// Letters of a word whose offset is the plain one.
  private static let usualLetters = 6.0
  private static let naturalLogarithmOfTen = 2.302585092994046

  init(_ vocabulary: CTCVocabulary, _ options: CTCSearchOptions, _ language: NGramModel?) throws(Failure) {
    guard vocabulary.delimiter != nil else {
      throw Failure(.unsupported, "a language model or hot words need a delimiter of words; the vocabulary has none")
    }
    (self.vocabulary, self.options, self.language) = (vocabulary, options, language)
    hot = try HotWords(options.hotWords)
    window = try AlignedBuffer(NGramModel.maximalOrder, of: Int32.self, for: "a search")
  }

  /// The state after one more symbol behind that of `node`.
  func extend(
    _ state: WordState, by id: Int, of node: Int32, _ tree: borrowing PrefixTree
  ) -> WordState {
    var next = state
    next.boundary = state.endsWord ? node : state.boundary
    (next.endsWord, next.word, next.hotWord, next.endsPhrase) = (false, -1, -1, false)
    if id == vocabulary.delimiter {
      if state.letters > 0 { complete(&next, tree) }
      (next.letters, next.partial) = (0, 0)
    } else if !vocabulary.symbol(id).isSpecial {
      if state.letters == 0 { (next.known, next.hot) = (language?.words.all ?? WordList.Prefix(), hot.words.all) }
      for byte in vocabulary.text(id) {
        if let language, !next.known.isEmpty { next.known = language.words.narrowed(next.known, by: byte) }
        if !next.hot.isEmpty { next.hot = hot.words.narrowed(next.hot, by: byte) }
      }
      next.letters += vocabulary.symbol(id).letters
      next.partial = partial(next)
    }
    return next
  }

  /// The score of a whole text that ends with a node.
  func finish(_ node: Int32, _ tree: borrowing PrefixTree) -> Double {
    var state = tree[node].words
    if state.letters > 0 { complete(&state, tree) }
    guard let language, options.scoresBoundaries else { return state.finished }
    let last = state.endsWord ? state.word : nil
    return state.finished + weighted(logarithm(language, language.end, last, state.boundary, tree))
  }

  private func weighted(_ logarithm: Double) -> Double {
    options.alpha * logarithm * WordScorer.naturalLogarithmOfTen
  }

  private func partial(_ state: WordState) -> Double {
    let letters = Double(state.letters)
    if !state.hot.isEmpty { return options.hotWordWeight * letters / Double(hot.words.shortest(state.hot)) }
    guard language != nil, state.known.isEmpty else { return 0 }
    return options.unknownScoreOffset * max(letters / WordScorer.usualLetters, 1)
  }

  /// Counts the word that ends here.
  private func complete(_ state: inout WordState, _ tree: borrowing PrefixTree) {
    state.endsWord = true
    state.hotWord = hot.words.word(state.hot)
    if let language {
      let found = language.words.word(state.known)
      state.word = found >= 0 ? found : language.unknown
      var value = logarithm(language, state.word, nil, state.boundary, tree)
      if found < 0 { value += options.unknownScoreOffset }
      state.finished += weighted(value) + options.beta
    }
    guard state.hotWord >= 0 else { return }
    let boundary = state.boundary
    state.endsPhrase = hot.endsPhrase(state.hotWord) { back in
      WordScorer.boundary(boundary, back, tree).map { tree[$0].words }.flatMap { $0.endsPhrase ? nil : $0.hotWord }
    }
    if state.endsPhrase { state.finished += options.hotWordWeight }
  }

  /// The node where the word `back` words before the last boundary ends.
  private static func boundary(_ last: Int32, _ back: Int, _ tree: borrowing PrefixTree) -> Int32? {
    var node = last
    for _ in 0..<back where node >= 0 { node = tree[node].words.boundary }
    return node < 0 ? nil : node
  }

  /// The logarithm of a word after `previous`, where given, and the words that end at `boundary` and before.
  private func logarithm(
    _ language: NGramModel, _ word: Int32, _ previous: Int32?, _ boundary: Int32, _ tree: borrowing PrefixTree
  ) -> Double {
    defer { withExtendedLifetime(self) {} }
    let end = window.pointer(to: Int32.self) + NGramModel.maximalOrder
    (end - 1).pointee = word
    var count = 1
    if let previous, count < language.order {
      count += 1
      (end - count).pointee = previous
    }
    var node = boundary
    while count < language.order, node >= 0 {
      count += 1
      (end - count).pointee = tree[node].words.word
      node = tree[node].words.boundary
    }
    if count < language.order, options.scoresBoundaries, language.begin >= 0 {
      count += 1
      (end - count).pointee = language.begin
    }
    return language.logarithm(UnsafeBufferPointer(start: end - count, count: count))
  }
}

/// Words and phrases that are likely to be heard.
private struct HotWords: ~Copyable {
  private(set) var words = WordList()
  private var phrases: [[Int32]] = []  // as many as the caller names

  /// Splits phrases at spaces. Throws `invalidArgument` for an empty one.
  init(_ texts: [String]) throws(Failure) {
    var numbers: [String: Int32] = [:]
    for text in texts {
      let parts = text.split(separator: " ").map(String.init)
      guard !parts.isEmpty, text.utf8.count < 1 << 16 else {
        throw Failure(.invalidArgument, "the hot word \(text.prefix(40).debugDescription) is empty or too long")
      }
      for part in parts where numbers[part] == nil {
        var part = part
        let id = Int32(numbers.count)
        numbers[part] = id
        let added = part.withUTF8 { (bytes) -> Failure? in
          do throws(Failure) { try words.append(bytes, id: id) } catch { return error }
          return nil
        }
        if let added { throw added }
      }
      phrases.append(parts.map { numbers[$0]! })
    }
    _ = try words.sort()  // they differ, being the keys of a dictionary
  }

  /// Whether a phrase ends with a word; `before` gives the hot word that many words back, from 0 on.
  func endsPhrase(_ word: Int32, _ before: (Int) -> Int32?) -> Bool {
    phrases.contains { phrase in
      phrase.last == word && (1..<phrase.count).allSatisfy { before($0 - 1) == phrase[phrase.count - 1 - $0] }
    }
  }
}
