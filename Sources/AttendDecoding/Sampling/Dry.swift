import AttendBase

/// The penalty of ids that would prolong a copy of what stands earlier in the history.
struct Dry: Sendable {
  private let options: DryOptions
  /// In the order of their first ids.
  private let breakers: FixedArray<FixedArray<Int32>>?
  /// The largest exponent: beyond it the penalty would leave the range of float32.
  private let maximalExponent: Int

  /// Throws `outOfMemory`.
  init(_ options: DryOptions) throws(Failure) {
    self.options = options
    breakers = try options.breakers.map { (list) throws(Failure) in
      let sorted = try FixedArray(list.count, for: "sequence breakers") { list[$0] }
      sorted.sort { $0[0] < $1[0] }
      return sorted
    }
    let growth = Exponential.log(options.base)
    maximalExponent =
      options.base > 1.000001 ? Int(Exponential.log(Double(Float.greatestFiniteMagnitude)) / growth) : .max
  }

  /// Lowers the logits of such ids among `candidates`. Throws `outOfMemory` where the scratch has no room for the
  /// history.
  func apply(_ candidates: inout Candidates, _ history: History) throws(Failure) {
    let tokens = history.tokens.last(options.window)
    guard options.multiplier > 0, options.base >= 1, tokens.count > options.allowedLength else { return }
    let limit = lengthSinceBreaker(tokens)
    guard limit >= options.allowedLength else { return }
    let scratch = candidates.scratch
    try scratch.measureCopies(of: tokens, upTo: limit)
    // Of each id that followed a copy, 1 more than the length of the longest.
    let counts = scratch.counts, lengths = scratch.lengths.elements
    let followers = UnsafeBufferPointer(rebasing: tokens[1...])
    for place in 0..<followers.count where scratch.isToken(followers[place]) {
      guard lengths[place] >= options.allowedLength else { continue }
      counts[Int(followers[place])] = max(counts[Int(followers[place])], lengths[place] + 1)
    }
    candidates.lower(followers) { token in
      defer { counts[Int(token)] = 0 }
      return penalty(length: Int(counts[Int(token)]) - 1)
    }
    scratch.forget(followers)
  }

  private func penalty(length: Int) -> Double {
    guard length >= options.allowedLength else { return 0 }
    return options.multiplier
      * Exponential.power(options.base, min(length - options.allowedLength, maximalExponent))
  }

  /// The number of ids behind the last sequence breaker; all, where there is none. Of several breakers that begin at
  /// one place the longest counts.
  private func lengthSinceBreaker(_ tokens: UnsafeBufferPointer<Int32>) -> Int {
    guard let breakers else { return tokens.count }
    for start in stride(from: tokens.count - 1, through: 0, by: -1) {
      var place = breakers.partition { $0[0] < tokens[start] }
      var longest = 0
      while place < breakers.count, breakers[place][0] == tokens[start] {
        let breaker = breakers[place]
        if breaker.count <= tokens.count - start, (0..<breaker.count).allSatisfy({ tokens[start + $0] == breaker[$0] })
        {
          longest = max(longest, breaker.count)
        }
        place += 1
      }
      if longest > 0 { return tokens.count - start - longest }
    }
    return tokens.count
  }
}

extension LogitsScratch {
  /// For each place of `tokens` but the last, how many ids up to it equal those at the end, at most `limit`: entry i of
  /// `lengths` is the length of the copy that ends with id i. By the Z algorithm (Gusfield 1997) on the ids in reverse,
  /// so in time linear in their number.
  fileprivate func measureCopies(of tokens: UnsafeBufferPointer<Int32>, upTo limit: Int) throws(Failure) {
    let count = tokens.count
    try reserve(history: count)
    lengths.resize(to: count, filling: 0)
    let lengths = lengths.elements
    // The stretch [left, right) of the reversed ids equals their beginning.
    var left = 0, right = 0
    for place in 1..<count {
      var length = place < right ? min(Int(lengths[count - 1 - (place - left)]), right - place) : 0
      while place + length < count, tokens[count - 1 - length] == tokens[count - 1 - place - length] { length += 1 }
      if place + length > right { (left, right) = (place, place + length) }
      lengths[count - 1 - place] = Int32(truncatingIfNeeded: length)
    }
    for place in 0..<count - 1 { lengths[place] = min(lengths[place], Int32(clamping: limit)) }
  }
}
