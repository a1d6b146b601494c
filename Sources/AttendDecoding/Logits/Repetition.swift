import AttendBase

/// Penalties for ids that occurred: repetition_penalty, frequency_penalty and presence_penalty.
struct RepetitionPenalties: Sendable {
  let repetition: Float
  var frequency: Float = 0
  var presence: Float = 0
  /// How many of the last ids count; -1: all.
  var window = -1

  var changesNothing: Bool { window == 0 || repetition == 1 && frequency == 0 && presence == 0 }

  /// Changes the logit of each id in `tokens` once, however often it occurs.
  func apply(
    _ row: ScoreRow, _ tokens: UnsafeBufferPointer<Int32>, _ scratch: LogitsScratch
  ) {
    let seen = tokens.last(window)
    scratch.count(seen)
    for token in seen where scratch.isToken(token) {
      let count = scratch.counts[Int(token)]
      guard count > 0 else { continue }
      scratch.counts[Int(token)] = 0
      let score = row[token]
      row[token] =
        (score <= 0 ? score * repetition : score / repetition) - (Float(count) * frequency + presence)
    }
  }
}

/// Forbids every id that would complete an n-gram of `text`, where `history` ends with its other n - 1 ids.
func forbidRepeated(
  _ n: Int, of text: UnsafeBufferPointer<Int32>, after history: UnsafeBufferPointer<Int32>,
  _ row: ScoreRow
) {
  let context = n - 1
  guard history.count >= context, text.count >= n else { return }
  let end = UnsafeBufferPointer(rebasing: history[(history.count - context)...])
  for place in context..<text.count {
    let token = text[place]
    guard token >= 0, Int(token) < row.count else { continue }
    // From the end: most places differ there at once.
    var matched = 0
    while matched < context, text[place - 1 - matched] == end[context - 1 - matched] { matched += 1 }
    if matched == context { row[token] = -.infinity }
  }
}

extension UnsafeBufferPointer<Int32> {
  /// The last `window` ids, or all of them where that is -1 or more than there are.
  func last(_ window: Int) -> UnsafeBufferPointer {
    guard window >= 0, window < count else { return self }
    return UnsafeBufferPointer(rebasing: self[(count - window)...])
  }
}
