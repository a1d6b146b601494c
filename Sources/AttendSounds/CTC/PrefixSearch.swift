import AttendBase

/// The options of a search; those that pyctcdecode has too are called as there.
package struct CTCSearchOptions {
  /// Prefixes that are kept after each frame.
  package var beamWidth = 100
  /// Texts that are given, at most; no more than `beamWidth`.
  package var best = 1
  /// Symbols less probable than this in a frame are passed over there, unless one is the most probable.
  package var tokenMinLogProbability = -Double.infinity
  /// Prefixes whose score lies by more than this below the best are dropped.
  package var beamPruneLogProbability = -Double.infinity
  /// Weight of the language model's natural logarithms, and what each word adds.
  package var alpha = 0.5
  package var beta = 1.5
  /// Added to the logarithm to base 10 of a word that the language model does not know; a word that cannot become a
  /// known one bears it from its first wrong character on.
  package var unknownScoreOffset = -10.0
  /// Whether the text is a sentence: begun by `<s>` and ended by `</s>`.
  package var scoresBoundaries = true
  /// Words and phrases that are likely to be heard, and what each adds.
  package var hotWords: [String] = []
  package var hotWordWeight = 10.0

  package init() {}

  /// Beams beyond this are no search.
  package static let maximalWidth = 1 << 16

  package func check() throws(Failure) {
    guard (1...CTCSearchOptions.maximalWidth).contains(beamWidth) else {
      throw Failure(
        .invalidArgument, "beam_width is \(beamWidth), expected from 1 to \(CTCSearchOptions.maximalWidth)")
    }
    guard (1...beamWidth).contains(best) else {
      throw Failure(.invalidArgument, "\(best) texts are asked of \(beamWidth) beams")
    }
    for (name, value) in [
      ("alpha", alpha), ("beta", beta), ("unk_score_offset", unknownScoreOffset), ("hotword_weight", hotWordWeight),
    ] where !value.isFinite {
      throw Failure(.invalidArgument, "\(name) is \(value), expected a finite number")
    }
    for (name, value) in [("token_min_logp", tokenMinLogProbability), ("beam_prune_logp", beamPruneLogProbability)] {
      guard value <= 0 else { throw Failure(.invalidArgument, "\(name) is \(value), expected at most 0") }
    }
  }
}

/// Prefix beam search over the frames of a model with CTC (Graves and Jaitly 2014; Hannun et al. 2014): the probability
/// of a text is the sum over all paths that are read as it, so that each prefix carries the probability of the paths
/// that end in a blank and of those that end in its last symbol. Double precision, frame by frame; equal scores are in
/// the order of the ids. One thread, one sound.
final class PrefixSearch {
  /// A prefix and its natural logarithms.
  struct Beam: BitwiseCopyable {
    var prefix: PrefixTree.Prefix
    /// Of the paths that end in a blank, in the last symbol, and of both.
    let blank: Double
    let symbol: Double
    let total: Double
    /// With what the words add.
    let score: Double

    init(_ prefix: PrefixTree.Prefix, blank: Double, symbol: Double, words: Double) {
      (self.prefix, self.blank, self.symbol) = (prefix, blank, symbol)
      total = LogSum.of(blank, symbol)
      score = total + words
    }
  }

  private(set) var tree: PrefixTree
  private(set) var beams = GrowingList<Beam>(for: "the beams of a search")
  private var candidates = GrowingList<Beam>(for: "the beams of a search")
  private let row: AlignedBuffer  // [vocabulary] log-probabilities, then the place of the beam behind each symbol
  private let vocabulary: CTCVocabulary
  private let options: CTCSearchOptions
  private let scorer: WordScorer?

  init(_ vocabulary: CTCVocabulary, _ options: CTCSearchOptions, _ scorer: WordScorer?) throws(Failure) {
    try options.check()
    (self.vocabulary, self.options, self.scorer) = (vocabulary, options, scorer)
    tree = try PrefixTree()
    row = try AlignedBuffer(2 * vocabulary.count, of: Double.self, for: "a search")
    try beams.append(
      Beam(.init(node: PrefixTree.root, symbol: -1), blank: 0, symbol: -.infinity, words: 0))
    try beams.reserve(options.beamWidth)
    try candidates.reserve(options.beamWidth + 1)
    tree.retain(PrefixTree.root)
    tree[PrefixTree.root].place = 0
  }

  /// Goes on by one frame.
  func advance(_ logits: CTCLogits, _ frame: Int) throws(Failure) {
    let probabilities: UnsafeMutablePointer<Double> = row.pointer()
    let likeliest = try logits.logProbabilities(frame, into: probabilities)
    let behind = UnsafeMutableRawPointer(probabilities + vocabulary.count).assumingMemoryBound(to: Int.self)
    behind.update(repeating: -1, count: vocabulary.count)
    candidates.removeAll()
    for place in 0..<beams.count { try stay(place, probabilities, likeliest) }
    for place in 0..<beams.count { try extend(place, probabilities, behind, likeliest) }
    try settle()
  }

  /// The prefix itself: a blank, its last symbol again, or its last symbol after the prefix without it.
  private func stay(
    _ place: Int, _ probabilities: UnsafePointer<Double>, _ likeliest: Int
  ) throws(Failure) {
    let beam = beams[place], node = tree[beam.prefix.node]
    var symbol = -Double.infinity
    if node.symbol >= 0 {
      let probability = probabilities[Int(node.symbol)]
      symbol = beam.symbol + probability
      let parent = tree[node.parent]
      if parent.place >= 0, probability >= options.tokenMinLogProbability || Int(node.symbol) == likeliest {
        let before = beams[Int(parent.place)]
        let paths = node.symbol == parent.symbol ? before.blank : before.total
        symbol = LogSum.of(symbol, paths + probability)
      }
    }
    let stayed = Beam(
      beam.prefix, blank: beam.total + probabilities[vocabulary.blank], symbol: symbol, words: node.words.score)
    if stayed.total > -.infinity { try offer(stayed) }
  }

  /// The prefixes that are one symbol longer and not among the beams.
  private func extend(
    _ place: Int, _ probabilities: UnsafePointer<Double>, _ behind: UnsafeMutablePointer<Int>, _ likeliest: Int
  ) throws(Failure) {
    let beam = beams[place], index = beam.prefix.node, node = tree[index]
    var child = node.firstChild
    while child >= 0 {
      if tree[child].place >= 0 { behind[Int(tree[child].symbol)] = place }
      child = tree[child].sibling
    }
    for id in 0..<vocabulary.count where id != vocabulary.blank && behind[id] != place {
      let probability = probabilities[id]
      guard probability >= options.tokenMinLogProbability || id == likeliest else { continue }
      let paths = (Int32(id) == node.symbol ? beam.blank : beam.total) + probability
      guard paths > -.infinity else { continue }
      let words = scorer?.extend(node.words, by: id, of: index, tree).score ?? 0
      try offer(
        Beam(.init(node: index, symbol: Int32(id)), blank: -.infinity, symbol: paths, words: words))
    }
  }

  private func precedes(_ one: Beam, _ other: Beam) -> Bool {
    one.score != other.score ? one.score > other.score : tree.precedes(one.prefix, other.prefix)
  }

  /// Takes a candidate in if it is among the best: they are a heap with the worst at its root.
  private func offer(_ beam: Beam) throws(Failure) {
    guard candidates.count == options.beamWidth else {
      try candidates.append(beam)
      return rise(candidates.count - 1)
    }
    guard precedes(beam, candidates[0]) else { return }
    candidates[0] = beam
    sink(0, below: candidates.count)
  }

  private func rise(_ start: Int) {
    var child = start
    while child > 0, precedes(candidates[(child - 1) / 2], candidates[child]) {
      candidates.elements.swapAt((child - 1) / 2, child)
      child = (child - 1) / 2
    }
  }

  private func sink(_ start: Int, below limit: Int) {
    var parent = start
    while 2 * parent + 1 < limit {
      var child = 2 * parent + 1
      if child + 1 < limit, precedes(candidates[child], candidates[child + 1]) { child += 1 }
      guard precedes(candidates[parent], candidates[child]) else { return }
      candidates.elements.swapAt(parent, child)
      parent = child
    }
  }

  /// Makes the candidates the beams, the best first.
  private func settle() throws(Failure) {
    for end in stride(from: candidates.count - 1, to: 0, by: -1) {
      candidates.elements.swapAt(0, end)
      sink(0, below: end)
    }
    let limit = candidates[0].score + options.beamPruneLogProbability
    var kept = 0
    while kept < candidates.count, candidates[kept].score >= limit { kept += 1 }
    candidates.removeAll(from: max(kept, 1))
    for place in 0..<candidates.count {
      let prefix = candidates[place].prefix
      guard prefix.symbol >= 0 else {
        tree.retain(prefix.node)
        continue
      }
      let words = scorer?.extend(tree[prefix.node].words, by: Int(prefix.symbol), of: prefix.node, tree)
      let child = try tree.child(prefix.node, prefix.symbol, words ?? WordState())
      candidates[place].prefix = .init(node: child, symbol: -1)
      tree.retain(child)
    }
    for beam in beams.elements {
      tree[beam.prefix.node].place = -1
      tree.release(beam.prefix.node)
    }
    swap(&beams, &candidates)
    for place in 0..<beams.count { tree[beams[place].prefix.node].place = Int32(place) }
  }

  /// Ends the text: the last word is one now, and the beams are in the order of what that makes of them.
  func finish() throws(Failure) {
    guard let scorer else { return }
    candidates.removeAll()
    for beam in beams.elements {
      let words = scorer.finish(beam.prefix.node, tree)
      try offer(Beam(beam.prefix, blank: beam.blank, symbol: beam.symbol, words: words))
    }
    try settle()
  }
}

/// Sums of probabilities that are given by their logarithms.
enum LogSum {
  static func of(_ a: Double, _ b: Double) -> Double {
    let (larger, smaller) = a > b ? (a, b) : (b, a)
    return smaller == -.infinity ? larger : larger + Exponential.log(1 + Exponential.exp(smaller - larger))
  }
}
