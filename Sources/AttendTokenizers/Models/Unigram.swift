import AttendBase

/// The split of a piece whose tokens have the largest sum of scores (Kudo 2018, arXiv:1804.10959), by the algorithm of
/// Viterbi.
final class Unigram: TokenizerModel {
  struct Options {
    /// Stands for characters that no token covers.
    var unknown: Int32?
    /// Bytes of unknown characters become the tokens <0x00> to <0xFF>.
    var byteFallback = false
    /// Sums are rounded to float32 at each step, as SentencePiece has them, rather than kept in float64.
    var singlePrecision = false
  }

  let vocabulary: Vocabulary
  private let trie: DoubleArray
  private let scores: TextStorage<Double>
  private let options: Options
  private let unknownScore: Double
  private let fallback: ByteTokens
  private let source: String
  /// The distance of an unknown character's score from the worst token's (SentencePiece, unigram_model.cc).
  private static let unknownPenalty = 10.0

  /// `scores` by id, one for each. `isText` says which tokens may be found in text.
  init(
    _ vocabulary: Vocabulary, scores: consuming GrowingList<Double>, worst: Double, _ options: Options, source: String,
    isText: (Int) -> Bool = { _ in true }
  ) throws(Failure) {
    self.vocabulary = vocabulary
    self.scores = TextStorage(scores)
    self.options = options
    self.source = source
    unknownScore = worst - Unigram.unknownPenalty
    var keys = GrowingList<DoubleArray.Key>(for: DoubleArray.purpose)
    try keys.reserve(vocabulary.size)
    for id in 0..<vocabulary.size where isText(id) {
      guard let token = vocabulary.token(id), !token.isEmpty, vocabulary.id(token) == Int32(id) else { continue }
      try keys.append(DoubleArray.Key(token, Int32(id)))
    }
    trie = try DoubleArray(keys)
    fallback = options.byteFallback ? try ByteTokens(of: vocabulary) : ByteTokens()
  }

  /// The best way found to a place in the text.
  private struct Node {
    var score = 0.0
    /// The start of its last token, relative to the piece; -1: no way yet.
    var start: Int32 = -1
    var id: Int32 = 0
  }

  func tokenize(_ text: PreTokenizedText, into tokens: inout TokenList) throws(Failure) {
    var nodes = GrowingList<Node>(for: "the ways through a piece of text")
    try tokens.reserve(text.text.bytes.count / 3)
    try forEachPiece(text, &tokens) { bytes, range, tokens throws(Failure) in
      let piece = UnsafeBufferPointer(rebasing: bytes[range])
      nodes.removeAll()
      try nodes.reserve(piece.count + 1)
      nodes.resize(to: piece.count + 1, filling: Node())
      guard search(piece, nodes.elements, text.text.cancellation) else {
        throw Failure(.invalidFile, "\(source): the vocabulary names no unknown token, and the text needs it")
      }
      try text.text.cancellation?.checkOnAnyThread()
      try collect(piece, range.lowerBound, nodes.elements, &tokens)
    }
  }

  /// Fills `nodes`, or not all where the call is to end; false where an unknown token is needed and there is none.
  private func search(
    _ piece: UnsafeBufferPointer<UInt8>, _ nodes: UnsafeMutableBufferPointer<Node>, _ cancellation: Cancellation?
  ) -> Bool {
    trie.withCursor { cursor in
      scores.withUnsafeBufferPointer { scores in
        var start = 0, nextLook = TextWatch.interval
        while start < piece.count {
          if start >= nextLook {
            if cancellation?.look() == true { return true }
            nextLook += TextWatch.interval
          }
          let length = UTF8Text.length(first: piece[start])
          let score = nodes[start].score
          var node = 0, place = start, hasSingle = false
          while place < piece.count {
            node = cursor.child(node, piece[place])
            if node < 0 { break }
            place += 1
            let id = cursor.value(node)
            if id < 0 { continue }
            offer(&nodes[place], score + scores[Int(id)], start, id)
            if place - start == length { hasSingle = true }
          }
          if !hasSingle {
            guard let unknown = options.unknown else { return false }
            offer(&nodes[start + length], score + unknownScore, start, unknown)
          }
          start += length
        }
        return true
      }
    }
  }

  @inline(__always) private func offer(_ node: inout Node, _ score: Double, _ start: Int, _ id: Int32) {
    let score = options.singlePrecision ? Double(Float(score)) : score
    if node.start < 0 || score > node.score {
      node = Node(score: score, start: Int32(truncatingIfNeeded: start), id: id)
    }
  }

  /// Appends the tokens of the best way; unknown characters in a row are one token.
  private func collect(
    _ piece: UnsafeBufferPointer<UInt8>, _ base: Int, _ nodes: UnsafeMutableBufferPointer<Node>,
    _ tokens: inout TokenList
  ) throws(Failure) {
    let first = tokens.count
    var end = piece.count
    while end > 0 {
      let node = nodes[end]
      var start = Int(node.start)
      if let unknown = options.unknown, node.id == unknown {
        while start > 0, nodes[start].id == unknown { start = Int(nodes[start].start) }
        try appendUnknown(piece, start, end, base, unknown, &tokens)
      } else {
        try tokens.append(
          ModelToken(
            id: node.id, start: Int32(truncatingIfNeeded: base + start), end: Int32(truncatingIfNeeded: base + end)))
      }
      end = start
    }
    var found = tokens.elements[first...]
    found.reverse()
  }

  /// Appends what stands for an unknown stretch, last token first.
  private func appendUnknown(
    _ piece: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int, _ base: Int, _ unknown: Int32,
    _ tokens: inout TokenList
  ) throws(Failure) {
    func append(_ id: Int32) throws(Failure) {
      try tokens.append(
        ModelToken(id: id, start: Int32(truncatingIfNeeded: base + start), end: Int32(truncatingIfNeeded: base + end)))
    }
    if fallback.cover(piece[start..<end]) {
      for byte in piece[start..<end].reversed() { try append(fallback[byte]) }
    } else {
      try append(unknown)
    }
  }
}
