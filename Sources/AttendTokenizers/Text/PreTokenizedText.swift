import AttendBase

/// A text and the pieces that it has been split into so far. Pieces hold at least one byte.
struct PreTokenizedText {
  struct Piece {
    var start: Int32
    var end: Int32
    /// The id of an added token, or -1: text for the model.
    var token: Int32 = -1
  }

  var text: AlignedText
  var pieces: TextStorage<Piece>

  init(_ text: AlignedText) throws(Failure) {
    self.text = text
    var list = try PieceList(capacity: 1)
    list.add(0, text.bytes.count)
    pieces = try list.finish()
  }

  /// Calls `body` with each piece of text and replaces the piece by those that it adds.
  mutating func split(
    _ body: (UnsafeBufferPointer<UInt8>, Range<Int>, inout PieceList) throws(Failure) -> Void
  ) throws(Failure) {
    var list = try PieceList(capacity: max(pieces.count, text.bytes.count / 4))
    var watch = TextWatch(text.cancellation)
    try text.bytes.withUnsafeBufferPointer { bytes throws(Failure) in
      for piece in pieces {
        try watch.pass(Int(piece.start))
        if piece.token >= 0 {
          list.add(Int(piece.start), Int(piece.end), token: piece.token)
        } else {
          try body(bytes, Int(piece.start)..<Int(piece.end), &list)
        }
      }
    }
    pieces = try list.finish()
  }

  /// Rewrites each piece of text in turn; `body` must read to the end of the piece. Pieces that become empty vanish.
  mutating func rewritePieces(
    by component: StaticString, _ body: (inout TextRewriter, Range<Int>) throws(Failure) -> Void
  ) throws(Failure) {
    var list = try PieceList(capacity: pieces.count)
    var watch = TextWatch(text.cancellation)
    try text.rewrite(by: component) { writer throws(Failure) in
      for piece in pieces {
        try watch.pass(Int(piece.start))
        let range = Int(piece.start)..<Int(piece.end)
        writer.drop(range.lowerBound - writer.position)  // what an earlier split removed
        let start = writer.written
        if piece.token >= 0 { writer.keep(range.count) } else { try body(&writer, range) }
        list.add(start, writer.written, token: piece.token)
      }
    }
    pieces = try list.finish()
  }
}

/// Pieces in the making.
struct PieceList: ~Copyable {
  private var pieces = GrowingList<PreTokenizedText.Piece>(for: "the pieces of a text")
  /// Why pieces are missing: `finish` throws it, so that what splits need not ask each time.
  private var failure: Failure?

  fileprivate init(capacity: Int) throws(Failure) { try pieces.reserve(capacity) }

  fileprivate consuming func finish() throws(Failure) -> TextStorage<PreTokenizedText.Piece> {
    if let failure { throw failure }
    return TextStorage(pieces)
  }

  /// Adds a piece unless it is empty.
  @inline(__always) mutating func add(_ start: Int, _ end: Int, token: Int32 = -1) {
    guard end > start else { return }
    do throws(Failure) {
      try pieces.append(
        .init(start: Int32(truncatingIfNeeded: start), end: Int32(truncatingIfNeeded: end), token: token))
    } catch { failure = error }
  }
}

/// The fate of the matches of a pattern that splits a text. "the-final--countdown" split at "-":
enum SplitBehavior: String, CaseIterable, Sendable {
  /// the final countdown
  case removed = "Removed"
  /// the - final - - countdown
  case isolated = "Isolated"
  /// the- final- - countdown
  case mergedWithPrevious = "MergedWithPrevious"
  /// the -final - -countdown
  case mergedWithNext = "MergedWithNext"
  /// the - final -- countdown
  case contiguous = "Contiguous"
}

/// A pattern at which a text is split.
protocol SplitPattern {
  /// Calls `body` with each match within `range`, in order. Matches do not overlap, and no empty one stands right
  /// behind another match.
  func forEachMatch(
    in text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) throws(Failure) -> Void
  ) throws(Failure)
}

extension PreTokenizedText {
  /// Splits each piece at the matches of a pattern, or at what lies between them.
  mutating func split<Pattern: SplitPattern>(
    at pattern: Pattern, _ behavior: SplitBehavior, invert: Bool = false
  ) throws(Failure) {
    var watch = TextWatch(text.cancellation)
    try split { text, range, list throws(Failure) in
      var splitter = Splitter(behavior: behavior, start: range.lowerBound)
      try pattern.forEachMatch(in: text, range) { match throws(Failure) in
        try watch.pass(match.lowerBound)
        if match.lowerBound > splitter.end { splitter.add(match.lowerBound, isMatch: invert, to: &list) }
        splitter.add(match.upperBound, isMatch: !invert, to: &list)
      }
      if splitter.end < range.upperBound { splitter.add(range.upperBound, isMatch: invert, to: &list) }
      splitter.finish(&list)
    }
  }
}

/// Joins matches and what lies between them as the behaviour asks, one piece of text long.
private struct Splitter {
  let behavior: SplitBehavior
  /// A piece that may still grow: from here to `end`.
  private var start: Int
  private(set) var end: Int
  private var hasPending = false
  private var previousIsMatch = false

  init(behavior: SplitBehavior, start: Int) {
    self.behavior = behavior
    self.start = start
    self.end = start
  }

  /// The text from the end of the last segment up to `end` is a match, or not.
  @inline(__always) mutating func add(_ end: Int, isMatch: Bool, to list: inout PieceList) {
    let begin = self.end
    self.end = end
    switch behavior {
    case .isolated: list.add(begin, end)
    case .removed: if !isMatch { list.add(begin, end) }
    default:
      let joins =
        switch behavior {
        case .contiguous: isMatch == previousIsMatch
        case .mergedWithPrevious: isMatch && !previousIsMatch
        default: !isMatch && previousIsMatch
        }
      if !(hasPending && joins) {
        if hasPending { list.add(start, begin) }
        start = begin
      }
      hasPending = true
      previousIsMatch = isMatch
    }
  }

  mutating func finish(_ list: inout PieceList) { if hasPending { list.add(start, end) } }
}
