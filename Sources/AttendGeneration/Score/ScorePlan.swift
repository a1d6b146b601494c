import AttendBase

/// The order in which texts are read to be scored.
///
/// A text that is longer than a window is read in several, each of which scores what the one before did not reach.
/// Neighbours that begin alike make a group, which reads their common beginning once.
struct ScorePlan: ~Copyable {
  /// A text, or a window of one.
  struct Piece: BitwiseCopyable {
    /// Where its tokens begin in those of the inputs.
    let first: Int
    let count: Int
    /// The first token that is scored, counted from the piece's own first.
    let firstScored: Int
    /// Where the scores keep it.
    let place: Int
    /// The number of the text.
    let text: Int
    let source: ScoreInputs.Span
    /// Whether all of it must be read in one call, because the positions of its tokens depend on how it is cut.
    let isWhole: Bool
    /// How many of its tokens are read. Nothing follows on the last; but where angles depend on the length of the text
    /// it counts.
    let reads: Int
  }

  struct Group: BitwiseCopyable {
    let first: Int
    var count: Int
    /// How many tokens its pieces begin with alike that are read once for all.
    var shared: Int

    var span: ScoreInputs.Span { ScoreInputs.Span(first: first, count: count) }
    var pieces: Range<Int> { span.range }
  }

  private(set) var pieces = GrowingList<Piece>(for: "the order of texts to be scored")
  private(set) var groups = GrowingList<Group>(for: "the order of texts to be scored")

  /// Tokens below which reading them again is cheaper than a pass of their own.
  private static let leastShared = 16

  /// `isWhole` tells of tokens whether they must be read in one call.
  init(
    _ inputs: borrowing ScoreInputs, _ scores: Scores, window: Int, stride: Int,
    isWhole: (UnsafeBufferPointer<Int32>) -> Bool
  ) throws(Failure) {
    for index in 0..<inputs.texts.count {
      let text = inputs.texts[index]
      var (begin, reached) = (0, text.firstScored)
      while reached < text.count {
        let end = text.count - begin > window ? begin + window : text.count
        if end > reached {
          let ids = UnsafeBufferPointer(rebasing: inputs.ids(of: text, from: begin)[..<(end - begin)])
          let isWhole = isWhole(ids)
          try add(
            Piece(
              first: text.first + begin, count: end - begin, firstScored: reached - begin,
              place: scores.place(of: index) + reached - text.firstScored, text: index, source: text.source,
              isWhole: isWhole, reads: isWhole && text.source.count == 0 ? end - begin : end - begin - 1), inputs)
          reached = end
        }
        begin += stride
      }
    }
    for index in 0..<groups.count where groups[index].count == 1 || groups[index].shared < ScorePlan.leastShared {
      groups[index].shared = 0
    }
  }

  /// The tokens of all pieces.
  var tokenCount: Int { pieces.elements.reduce(0) { $0 + $1.count } }

  /// Tokens that are read for a group, its source and what is shared counted once.
  func tokens(_ group: Group) -> Int {
    group.pieces.reduce(pieces[group.first].source.count + group.shared) { $0 + pieces[$1].reads - group.shared }
  }

  /// What a group begins with of which nothing is scored, and one token more: where the beginning is known, that one is
  /// still to be read.
  func context(_ group: Group, _ inputs: borrowing ScoreInputs) -> UnsafeBufferPointer<Int32> {
    let first = pieces[group.first]
    let scored = group.pieces.reduce(Int.max) { min($0, pieces[$1].firstScored) }
    let count = group.count == 1 ? scored : min(scored, group.shared + 1)
    return UnsafeBufferPointer(start: inputs.tokens.storage + first.first, count: first.isWhole ? 0 : count)
  }

  private mutating func add(_ piece: Piece, _ inputs: borrowing ScoreInputs) throws(Failure) {
    let number = pieces.count
    try pieces.append(piece)
    guard groups.count > 0 else { return try begin(number) }
    var group = groups[groups.count - 1]
    let first = pieces[group.first]
    let common = first.isWhole || piece.isWhole ? 0 : ScorePlan.common(first, piece, inputs)
    if piece.source.count == 0 {
      guard common >= ScorePlan.leastShared, 2 * common >= max(group.shared, piece.firstScored) else {
        return try begin(number)
      }
    } else {
      guard piece.source == first.source else { return try begin(number) }
    }
    group.shared = group.count == 1 ? common : min(group.shared, common)
    group.count += 1
    groups[groups.count - 1] = group
  }

  private mutating func begin(_ piece: Int) throws(Failure) {
    try groups.append(Group(first: piece, count: 1, shared: 0))
  }

  /// How many tokens two pieces begin with alike, of those that are read of both.
  private static func common(_ one: Piece, _ other: Piece, _ inputs: borrowing ScoreInputs) -> Int {
    let (a, b) = (inputs.tokens.storage + one.first, inputs.tokens.storage + other.first)
    let most = min(one.reads, other.reads)
    var count = 0
    while count < most, a[count] == b[count] { count += 1 }
    return count
  }
}
