import AttendBase

/// The steps of a chain that cut.
extension Candidates {
  /// The `k` most probable ids, and ties with the last.
  mutating func keepTop(_ k: Int) {
    let k = max(k, minimalKept)
    reveal(k)
    if knownKept >= k { keep(above: value(k - 1), withTies: true) }
  }

  /// The fewest most probable ids that hold `share` of the mass.
  mutating func keepNucleus(_ share: Double) {
    let mass = mass()
    keep(number(holding: share * mass, of: mass))
  }

  /// The ids whose probability is at least `share` of the largest.
  mutating func keep(share: Double) { keep(above: threshold(Exponential.log(share)), withTies: false) }

  /// The ids whose probability is at least `least`.
  mutating func keep(probability least: Double) {
    keep(above: threshold(Exponential.log(least * mass())), withTies: true)
  }

  /// The ids of eta sampling: the least probability is eta, or √eta e^-H where that is smaller.
  mutating func keep(eta: Double) {
    let (mass, entropy) = massAndEntropy()
    let least = min(eta, eta.squareRoot() * Exponential.exp(-entropy))
    keep(above: threshold(Exponential.log(least * mass)), withTies: true)
  }

  /// The ids whose surprise is at most `bits`.
  mutating func keep(surprise bits: Double) {
    let least = Exponential.log(mass()) - bits * Candidates.nats
    keep(above: threshold(least), withTies: false)
  }

  /// A bit of information, in nats: ln 2.
  static let nats = 0x1.62e42fefa39efp-1

  /// Of the 100 most probable ids those that hold `share` of the entropy of these.
  mutating func keepTopH(_ share: Double) {
    reveal(100)
    let number = min(100, knownKept)
    let mass = (0..<number).reduce(0) { $0 + weight($1) }
    let log = Exponential.log(mass)
    func surprise(_ index: Int) -> Double { (log - logWeight(index)) * weight(index) / mass }
    let entropy = (0..<number).reduce(0) { $0 + surprise($1) }
    var sum = 0.0, kept = 0
    while kept < number {
      sum += surprise(kept)
      if sum > share * entropy { break }
      kept += 1
    }
    keep(max(kept, 1))
  }

  /// The ids whose logits are at most `n` standard deviations below the largest. The temperature has no say in it.
  mutating func keep(sigmas n: Double) { keep(above: value(0) - n * deviation(), withTies: false) }

  /// The standard deviation of the logits, divided by their number.
  private func deviation() -> Double {
    let top = value(0)
    var sum = 0.0, squares = 0.0, number = 0.0
    if isComplete {
      number = Double(knownKept)
      for index in 0..<knownKept {
        let d = value(index) - top
        sum += d
        squares += d * d
      }
    } else {
      (sum, squares, number) = momentsOfRow(around: Float(top))
    }
    let mean = sum / number
    return max(0, squares / number - mean * mean).squareRoot()
  }

  /// The sums of differences to `center` and of their squares, over the logits of the row above minus infinity, and the
  /// number of these. Eight sums side by side.
  private func momentsOfRow(around center: Float) -> (sum: Double, squares: Double, number: Double) {
    let whole = count & ~7
    var sum = SIMD8<Double>.zero, squares = SIMD8<Double>.zero, number = SIMD8<Double>.zero
    for start in stride(from: 0, through: whole, by: 8) {
      var block = SIMD8<Float>(repeating: -.infinity)
      if start < whole {
        block = UnsafeRawPointer(row + start).loadUnaligned(as: SIMD8<Float>.self)
      } else {
        for token in start..<count { block[token - start] = row[token] }
      }
      let counts = block .> -.infinity
      let d = SIMD8<Double>(block.replacing(with: center, where: .!counts) - center)
      sum += d
      squares += d * d
      number += SIMD8<Double>(SIMD8<Float>.zero.replacing(with: 1, where: counts))
    }
    return (sum.sum(), squares.sum(), number.sum())
  }

  /// XTC: where `draw` says so, of the ids whose probability is at least `threshold` all but the last are dropped,
  /// unless too few would remain.
  mutating func excludeTop(threshold: Double, probability: Double, draw: Double) {
    guard probability > 0, threshold <= 0.5, draw <= probability else { return }
    let least = threshold * mass()
    reveal(2)
    guard knownKept >= 2, weight(1) >= least else { return }
    reveal(above: -.infinity)
    var dropped = 1
    while dropped + 1 < knownKept, weight(dropped + 1) >= least { dropped += 1 }
    if knownKept - dropped >= minimalKept { keep(dropped..<knownKept) }
  }

  /// The ids whose surprise is nearest to the entropy, as many as hold `share` of the mass, and those that are as near
  /// as the last.
  mutating func keepTypical(_ share: Double) {
    let (mass, entropy) = massAndEntropy()
    // The logarithm of the weight whose surprise is the entropy.
    let center = Exponential.log(mass) - entropy
    if !isComplete {
      // No id below this is among them. Ids above it hold enough: all others together less than what may be missing.
      // And those above it are nearer than those below, if it is farther from the center than the first id is.
      let enough = Exponential.log(0.9 * (1 - share) * mass / Double(count))
      reveal(above: threshold(min(enough, 2 * center - 1e-3)))
      reveal(minimalKept)
    }
    keep(nearest(to: center, holding: share * mass))
  }

  /// The known ids whose logarithms of weights are nearest to `center`.
  private mutating func nearest(to center: Double, holding target: Double) -> Range<Int> {
    func distance(_ index: Int) -> Double { abs(logWeight(index) - center) }
    var after = 0
    while after < knownKept, logWeight(after) > center { after += 1 }
    var range = after..<after
    var sum = 0.0, last = 0.0
    while range.count < knownKept {
      let isAbove =
        range.lowerBound > 0
        && (range.upperBound == knownKept || distance(range.lowerBound - 1) <= distance(range.upperBound))
      let next = isAbove ? range.lowerBound - 1 : range.upperBound
      if sum >= target && range.count >= minimalKept && distance(next) > last { break }
      sum += weight(next)
      last = distance(next)
      range = isAbove ? next..<range.upperBound : range.lowerBound..<next + 1
    }
    return range
  }
}
