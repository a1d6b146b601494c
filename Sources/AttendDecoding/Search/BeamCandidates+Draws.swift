import AttendBase

extension BeamCandidates {
  /// Draws those of one row: the tokens with the largest sums of `scores`, which the steps of sampling have left, and
  /// noise. `processed` are the scores before these steps. Rows may be examined side by side.
  func draw(
    _ row: Int, _ scores: UnsafePointer<Float>, processed: UnsafePointer<Float>, vocabulary: Int, _ noise: BeamNoise
  ) {
    let first = row * kept
    var count = 0
    for pair in 0..<(vocabulary + 1) / 2 {
      let token = 2 * pair
      let isFirst = scores[token] > -.infinity
      let isSecond = token + 1 < vocabulary && scores[token + 1] > -.infinity
      guard isFirst || isSecond else { continue }
      let (one, other) = noise.pair(pair)
      if isFirst { insert(token, Double(scores[token]) + one, at: first, &count) }
      if isSecond { insert(token + 1, Double(scores[token + 1]) + other, at: first, &count) }
    }
    for place in first..<first + count {
      values[place] = scores[Int(tokens[place])]
      logits[place] = processed[Int(tokens[place])]
    }
    for place in first + count..<first + kept { values[place] = -.infinity }
  }

  /// Puts a token among the `count` of a row whose keys are the largest so far.
  private func insert(_ token: Int, _ key: Double, at first: Int, _ count: inout Int) {
    if count < kept {
      count += 1
    } else if key <= keys[first + kept - 1] {
      return
    }
    var place = first + count - 1
    while place > first, keys[place - 1] < key {
      (keys[place], tokens[place]) = (keys[place - 1], tokens[place - 1])
      place -= 1
    }
    (keys[place], tokens[place]) = (key, Int32(token))
  }
}
