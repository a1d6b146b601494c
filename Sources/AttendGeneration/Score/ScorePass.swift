import AttendBase

/// What one call of a decoder reads of pieces of texts, and what is told thereby.
struct ScorePass: ~Copyable {
  /// A live sequence, with what it is still to read.
  struct Row: BitwiseCopyable {
    /// Those that it stands for: all of a group while they are read together, or one.
    let pieces: ScoreInputs.Span
    /// The next token.
    var place: Int
    let limit: Int
  }

  /// A token whose probability a hidden state tells.
  struct Target: BitwiseCopyable {
    /// The row of the hidden states.
    let row: Int
    let token: Int32
    /// Where the scores keep it.
    let place: Int
    let text: Int
  }

  var rows = GrowingList<Row>(for: "the rows of a pass")
  private(set) var tokens = GrowingList<Int32>(for: "the tokens of a pass")
  private(set) var lengths = GrowingList<Int>(for: "the rows of a pass")  // [rows]
  private(set) var targets = GrowingList<Target>(for: "the tokens of a pass")  // in the order of their rows

  /// Tokens of a pass, but for a text that cannot be cut: enough to keep the products busy.
  static let mostTokens = 2048

  /// Takes the next tokens of the rows; false where all are read.
  mutating func fill(_ plan: borrowing ScorePlan, _ inputs: borrowing ScoreInputs) throws(Failure) -> Bool {
    tokens.removeAll()
    lengths.removeAll()
    targets.removeAll()
    for index in 0..<rows.count {
      let row = rows[index], left = row.limit - row.place
      let free = max(ScorePass.mostTokens - tokens.count, 0)
      var count = min(left, free)
      if plan.pieces[row.pieces.first].isWhole, count < left { count = tokens.isEmpty ? left : 0 }
      try lengths.append(count)
      if count > 0 { try take(count, of: row, plan, inputs) }
      rows[index].place += count
    }
    return !tokens.isEmpty
  }

  private mutating func take(
    _ count: Int, of row: Row, _ plan: borrowing ScorePlan, _ inputs: borrowing ScoreInputs
  ) throws(Failure) {
    let read = inputs.tokens.storage + plan.pieces[row.pieces.first].first
    for place in row.place..<row.place + count {
      for index in row.pieces.range {
        let piece = plan.pieces[index], next = place + 1
        guard next >= piece.firstScored, next < piece.count else { continue }
        try targets.append(
          Target(
            row: tokens.count, token: inputs.tokens[piece.first + next], place: piece.place + next - piece.firstScored,
            text: piece.text))
      }
      try tokens.append(read[place])
    }
  }
}
