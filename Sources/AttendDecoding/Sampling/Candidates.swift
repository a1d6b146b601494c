import AttendBase
import AttendKernelInterface

/// The ids of one row that are still kept, with the temperature so far: a stretch of the row's ids in descending order
/// of their logits, the smaller id first among equals. Every step of a chain leaves such a stretch: all but XTC and
/// typical sampling cut at its end only, and those two at its start besides.
///
/// The order is made only as far as somebody looks: a cut after the 50th id need not sort 128,000 of them, and needs
/// the exponentials of all only where it asks for probabilities. What is looked at is computed in double precision,
/// always from the first id on, so that nothing depends on how far others had looked.
struct Candidates {
  let row: UnsafeMutablePointer<Float>
  let count: Int
  let rows: KernelTable.Rows
  let scratch: LogitsScratch
  /// How many ids every cut leaves at least.
  let minimalKept: Int

  /// The first kept id in the order.
  private(set) var first = 0
  /// How many ids of the order are known.
  private(set) var known = 0
  /// Whether the known ids are all: the last is the last kept.
  private(set) var isComplete = false
  /// One over the temperature.
  private(set) var inverse = 1.0
  /// How many of the weights, from `first` on, are computed.
  private var weighed = 0

  /// All ids of a row, `[count]`, whose logits are above minus infinity. NaN counts as such. Where logits are infinite
  /// only those are kept.
  init(
    _ row: UnsafeMutablePointer<Float>, _ count: Int, _ rows: KernelTable.Rows, _ scratch: LogitsScratch, keeping: Int
  ) {
    self.row = row
    self.count = count
    self.rows = rows
    self.scratch = scratch
    minimalKept = keeping
    start()
  }

  /// Finds the first id, from which all others are measured.
  private mutating func start() {
    (first, known, weighed) = (0, 0, 0)
    reveal(1)
    if known > 0, row[Int(token(0))] == .infinity {
      known = scratch.sortTokens(of: row, count, atLeast: .infinity)
      isComplete = true
    }
  }

  // MARK: What is kept

  /// How many ids are known and kept.
  var knownKept: Int { known - first }

  /// The logit of an id, numbered from the first kept one on; the id is known.
  func value(_ index: Int) -> Double { Double(Ordered.value(scratch.order[first + index])) }

  func token(_ index: Int) -> Int32 { Ordered.token(scratch.order[first + index]) }

  /// The logarithm of a weight: how far the logit is below the first, in units of the temperature.
  func logWeight(_ index: Int) -> Double { (value(index) - value(0)) * inverse }

  /// The probability of a known id, divided by that of the first.
  mutating func weight(_ index: Int) -> Double {
    let weights = scratch.weights.pointer(to: Double.self)
    while weighed <= index {
      weights[weighed] = Exponential.exp(logWeight(weighed))
      weighed += 1
    }
    return weights[index]
  }

  /// The sum of the weights of all that is kept: one over the probability of the first.
  mutating func mass() -> Double {
    guard isComplete else { return Double(exponentials().sum) }
    var sum = 0.0
    for index in 0..<knownKept { sum += weight(index) }
    return sum
  }

  /// The mass, and the entropy in nats: log Z - sum of w log w / Z.
  mutating func massAndEntropy() -> (mass: Double, entropy: Double) {
    var (sum, weighted) = (0.0, 0.0)
    if isComplete {
      for index in 0..<knownKept {
        sum += weight(index)
        weighted += weight(index) * logWeight(index)
      }
    } else {
      let sums = exponentials()
      (sum, weighted) = (Double(sums.sum), Double(sums.weighted))
    }
    return (sum, max(0, Exponential.log(sum) - weighted / sum))
  }

  private func exponentials() -> (sum: Float, weighted: Float) {
    rows.exponentials(row, count, Float(value(0)), Float(min(inverse, Double(Float.greatestFiniteMagnitude))))
  }

  /// The logit of an id whose weight has the logarithm `logWeight`.
  func threshold(_ logWeight: Double) -> Double { value(0) + logWeight / inverse }

  // MARK: The order

  /// Makes the first `wanted` kept ids known, or all where there are fewer.
  mutating func reveal(_ wanted: Int) {
    guard !isComplete, wanted > knownKept else { return }
    let wanted = min(wanted, count)
    guard wanted <= LogitsScratch.heapLimit else { return reveal(above: -.infinity) }
    rows.topK(row, count, wanted, scratch.values, scratch.indices)
    known = 0
    while known < wanted, scratch.values[known] > -.infinity {
      scratch.order[known] = Ordered.key(scratch.values[known], scratch.indices[known])
      known += 1
    }
    isComplete = known < wanted || wanted == count
  }

  /// Makes all kept ids known whose logits are at least `threshold`.
  mutating func reveal(above threshold: Double) {
    guard !isComplete, known == 0 || value(known - 1) >= threshold else { return }
    known = scratch.sortTokens(of: row, count, atLeast: threshold)
    weighed = 0
    isComplete = threshold == -.infinity
  }

  // MARK: Cuts

  /// Drops all but the first `number` kept ids, or `minimalKept`.
  mutating func keep(_ number: Int) {
    let number = max(number, minimalKept)
    reveal(number)
    guard knownKept >= number else { return }
    known = first + number
    isComplete = true
  }

  /// Drops all ids with logits below `threshold`, but not the first `minimalKept`, nor those that equal the last of
  /// these, if `withTies`.
  mutating func keep(above threshold: Double, withTies: Bool) {
    reveal(above: threshold)
    let number = (0..<knownKept).partition { value($0) >= threshold }
    guard number < minimalKept, withTies else { return keep(number) }
    reveal(minimalKept)
    guard knownKept > minimalKept || !isComplete else { return }
    let last = value(minimalKept - 1)
    reveal(above: last)
    keep((0..<knownKept).partition { value($0) >= last })
  }

  /// Drops the ids before `start` and from `limit` on; all of these are known.
  mutating func keep(_ range: Range<Int>) {
    known = first + range.upperBound
    first += range.lowerBound
    weighed = 0
    isComplete = true
  }

  /// Divides the logits by `temperature`; 0 leaves the first id alone.
  mutating func heat(_ temperature: Double) {
    guard temperature > 0 else { return keep(0..<1) }
    // Kept finite, and above 0, so that equal logits stay equal.
    inverse = min(max(inverse / temperature, 0x1p-900), 0x1p900)
    weighed = 0
  }

  /// Lowers the logits of ids by what `penalty` says, in units of the temperature so far, and puts the ids in order
  /// again. `tokens` holds at least those whose penalty is not 0; asked for a second time, `penalty` says 0. What stood
  /// in the row is noted in the scratch, which has room for a note for each of them.
  mutating func lower(_ tokens: UnsafeBufferPointer<Int32>, by penalty: (Int32) -> Double) {
    func lowered(_ value: Float, _ token: Int32) -> Float {
      max(Float(Double(value) - penalty(token) / inverse), -.greatestFiniteMagnitude)
    }
    guard isComplete else {
      for token in tokens where scratch.isToken(token) && row[Int(token)] > -.infinity {
        let (before, after) = (row[Int(token)], lowered(row[Int(token)], token))
        guard after != before else { continue }
        scratch.lowered.resize(
          to: scratch.lowered.count + 1, filling: LogitsScratch.Lowered(token: token, before: before))
        row[Int(token)] = after
      }
      return start()
    }
    for index in 0..<knownKept {
      let key = scratch.order[first + index]
      scratch.order[index] = Ordered.key(lowered(Ordered.value(key), Ordered.token(key)), Ordered.token(key))
    }
    (first, known, weighed) = (0, knownKept, 0)
    scratch.sortKeys(known)
  }

  /// The smallest number of ids that hold a mass of `target` of `mass`, or more than that where `isExceeded`.
  mutating func number(holding target: Double, of mass: Double, isExceeded: Bool = false) -> Int {
    var (sum, number) = (0.0, 0)
    while true {
      if number == knownKept {
        guard !isComplete else { return number }
        revealMore(holding: target, of: mass)
      }
      guard number < knownKept else { return number }
      sum += weight(number)
      number += 1
      if isExceeded ? sum > target : sum >= target { return number }
    }
  }

  /// Makes more ids known: first a few, which mostly hold enough; then as many as may have a share in `target`. All ids
  /// below a weight hold less than that weight times their number.
  private mutating func revealMore(holding target: Double, of mass: Double) {
    let before = knownKept
    for wanted in [64, LogitsScratch.heapLimit] where knownKept == before && wanted > before { reveal(wanted) }
    guard knownKept == before, !isComplete else { return }
    let rest = mass - target
    // Below that the rounding of the masses decides.
    if rest > 1e-5 * mass { reveal(above: threshold(Exponential.log(0.9 * rest / Double(count)))) }
    if knownKept == before { reveal(above: -.infinity) }
  }
}

extension Range<Int> {
  /// The first number for which `holds` is false, where it is true before it and false from it on.
  fileprivate func partition(where holds: (Int) -> Bool) -> Int {
    var (low, high) = (lowerBound, upperBound)
    while low < high {
      let middle = low + (high - low) / 2
      if holds(middle) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
